"""LeRobot datasets as episodes; memory holds one episode, whatever the dataset."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from telos.data.formats.action_coding import (
    ActionCoding,
    ActionRange,
    continuous,
    no_actions,
)
from telos.data.formats.decode import decode_picture, probe
from telos.data.formats.lerobot.assembly import Assembly
from telos.data.formats.lerobot.bounds import stored_bounds
from telos.data.formats.lerobot.features import ACTION
from telos.data.formats.lerobot.info import INFO, read_info
from telos.data.formats.lerobot.selection import select, spec_of
from telos.data.formats.lerobot.tables import (
    Entry,
    find_clip,
    find_rows,
    read_entries,
    read_tasks,
)
from telos.data.formats.parquet import contents, numbers, read_rows
from telos.data.formats.source import Wanted
from telos.envs.world import WorldSpec
from telos.types import Episode

if TYPE_CHECKING:
    import pyarrow as pa


BLOCK_ROWS = 65_536
"""Rows of actions that are looked at together."""


def recognises(path: Path) -> bool:
    """Whether a folder is a LeRobot dataset."""
    return (path / INFO).is_file()


class LeRobotSource:
    """A LeRobot dataset of version 2.0, 2.1 or 3.0.

    LeRobot stores an action beside every frame; the last action of an episode is left
    out, because no frame shows what it did.

    Args:
        path: Folder of the dataset.
        wanted: What of it is asked for.

    Raises:
        FileNotFoundError: If a table is missing.
        ValueError: If a table is damaged, contradicts another one, or names a file
            outside of the folder; or if a stream is wanted that there is not.
        ModuleNotFoundError: If pyarrow is not installed.
    """

    def __init__(self, path: str | Path, wanted: Wanted | None = None) -> None:
        self.path, self._wanted = Path(path), wanted or Wanted()
        self._info = read_info(self.path)
        self._selection = select(self._info, self._wanted)
        self._entries = read_entries(self._info, self._selection.videos)
        if not self._entries:
            raise ValueError(f"{self.path} has no episodes; record some first")
        self._spec = spec_of(
            self._info,
            self._selection,
            coding=self._coding(),
            size_of=self._size,
            max_steps=max(entry.length for entry in self._entries) - 1,
            tasks=read_tasks(self._info),
        )

    @property
    def format(self) -> str:
        return f"lerobot-v{self._info.version}"

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_episodes(self) -> int:
        return len(self._entries)

    @property
    def fps(self) -> float | None:
        return self._info.fps

    def episodes(self, first: int = 0) -> Iterator[Episode]:
        """Episodes in order, from number ``first``; see `Source.episodes`."""
        entries = self._entries[first:]
        tables = self._tables(entries, self._selection.columns)
        size = self._wanted.image_size
        parts = Assembly(self._info, self._selection, self._spec, size)
        with contextlib.closing(parts):
            for number, entry in enumerate(entries, start=first):
                try:
                    episode = parts.episode(number, entry, next(tables))
                except (ValueError, FileNotFoundError) as error:
                    kind = (
                        FileNotFoundError if isinstance(error, OSError) else ValueError
                    )
                    where = f"{self.path}, episode {entry.index}"
                    raise kind(f"{where}: {error}") from error
                yield episode

    def _tables(
        self, entries: Sequence[Entry], columns: Sequence[str]
    ) -> Iterator[pa.Table]:
        """Rows of every episode; a parquet file is opened once for all of its own."""
        for members in _by_file(entries):
            path = find_rows(self._info, members[0])
            lengths = [entry.length for entry in members]
            yield from read_rows(path, columns, members[0].row, lengths)

    def _actions(self) -> Iterator[pa.Table]:
        """All rows of actions in blocks, whose episodes may be tiny and very many."""
        for members in _by_file(self._entries):
            path = find_rows(self._info, members[0])
            whole, rest = divmod(sum(entry.length for entry in members), BLOCK_ROWS)
            lengths = [BLOCK_ROWS] * whole + [rest] * (rest > 0)
            yield from read_rows(path, [ACTION], members[0].row, lengths)

    def _coding(self) -> ActionCoding:
        """By the range in the statistics, or that of one look at all actions."""
        feature = self._info.features.get(ACTION)
        if feature is None:
            return no_actions()
        shape = (feature.num_values,)
        found, stored = ActionRange(shape), stored_bounds(self._info)
        if stored is not None:
            found.add(np.stack(stored))
        else:
            for table in self._actions():
                found.add(numbers(table, ACTION, shape))
        try:
            return continuous(found)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error

    def _size(self, key: str) -> tuple[int, int]:
        """Height and width: as asked for, or that of the camera's first picture."""
        if self._wanted.image_size is not None:
            return self._wanted.image_size
        entry, videos = self._entries[0], self._selection.videos
        if key in videos:
            clip = entry.clips[videos.index(key)]
            return probe(find_clip(self._info, clip, key)).size
        table = next(read_rows(find_rows(self._info, entry), [key], entry.row, [1]))
        height, width = decode_picture(next(contents(table, key))).shape[:2]
        return height, width


def _by_file(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Neighbouring episodes of one parquet file."""
    for _, group in groupby(entries, key=lambda entry: (entry.chunk, entry.file)):
        yield list(group)
