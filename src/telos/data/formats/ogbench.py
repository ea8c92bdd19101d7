"""Reading OGBench datasets: NPZ archives with one row per frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telos.data.formats.action_coding import (
    ActionCoding,
    ActionRange,
    continuous,
    found_choices,
)
from telos.data.formats.bombs import LARGEST_RATIO, check_declared
from telos.data.formats.links import refuse_outside
from telos.data.formats.npz import Member, RowReader, is_npz, members, open_npz
from telos.data.formats.parts import (
    Layout,
    Part,
    check_size,
    choose,
    fits_label,
    is_number,
    is_picture,
    plain_stream,
    read_streams,
    specs,
    state_parts,
    streams_of,
)
from telos.data.formats.source import Wanted
from telos.data.validation import validate_episode
from telos.envs.world import WorldSpec
from telos.types import Episode

OBSERVATIONS, ACTIONS, TERMINALS = "observations", "actions", "terminals"
NEEDED = (OBSERVATIONS, ACTIONS, TERMINALS)
WITH_ACTION = {"rewards": "reward"}
"""Arrays that tell what an action led to, and the labels that they become."""
HELD_OUT = "-val"
"""What the name of the held-out half of a pair ends in."""
BLOCK_ROWS = 65_536
"""Rows of actions and terminals that are looked at together."""


def recognises(path: Path) -> bool:
    """Whether a path is an OGBench archive, or a folder with one pair of them."""
    files = _pair(path) if path.is_dir() else (path,)
    return bool(files) and all(is_npz(file, *NEEDED) for file in files)


@dataclass(frozen=True, kw_only=True)
class _Archive:
    """One file, its episodes of at least one step, and what their rows hold."""

    path: Path
    starts: np.ndarray
    """(E,) int64, first row of each."""
    lengths: np.ndarray
    """(E,) int64, rows of each: frames."""
    numbers: np.ndarray
    """(E,) int64, position of each in the file."""
    layout: Layout
    actions: ActionRange
    choices: bool
    """Whether actions are whole numbers."""


class OGBenchSource:
    """An OGBench dataset, or the pair of one for training and one held out.

    Row t holds frame t and the action that leaves it; a row in ``terminals`` marks the
    last frame of an episode (so does the end of the file). No frame shows what the
    last action of an episode did: it is dropped. Episodes of a single row have no
    other action and are passed over.

    ``observations`` become ``pixels`` where they are RGB images (the visual datasets),
    else ``state``. Every other array of numbers with a row per frame (``qpos``,
    ``qvel``, ``button_states``) becomes a label; ``rewards`` become the label
    ``reward`` of the frame that the action led to. Large arrays are left out; the
    spec's options name them.

    The format does not say the bounds of actions: they are [-1, 1] if all actions lie
    inside, else the range that was found. Whole numbers are choices, counted from 0,
    and become one-hot vectors.

    A file is read alone. Of a folder with ``NAME.npz`` and ``NAME-val.npz``, the
    episodes of the first come before those of the second; ``mask`` in the spec's
    options says which are which, so that the authors' split can be kept.

    Compressed arrays are decompressed front to back, so that starting at a late episode
    takes as long as reading up to it.

    Args:
        path: An archive, or a folder with one pair.
        wanted: What to read.
        largest_ratio: Claimed bytes per byte of an archive from which it is refused as
            made to fill the memory; see `telos.data.formats.bombs`.

    Raises:
        FileNotFoundError: If there is no such path.
        ValueError: If it is no OGBench dataset, a damaged one, or a folder whose links
            lead out of it.
    """

    format = "ogbench"

    def __init__(
        self, path: Path, wanted: Wanted, *, largest_ratio: float = LARGEST_RATIO
    ) -> None:
        self.path = path
        files = _files(path)
        if path.is_dir():
            for file in files:
                refuse_outside(path, file)
        self._archives = tuple(_open(file, wanted, largest_ratio) for file in files)
        self._layout = self._archives[0].layout
        if any(archive.layout != self._layout for archive in self._archives):
            raise ValueError(f"{files[0]} and {files[1]} hold different arrays")
        self._coding = _coding(self._archives)
        counts = [len(archive.starts) for archive in self._archives]
        self._count = sum(counts)
        self._spec = self._find_spec(files[0].stem, counts)

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_episodes(self) -> int:
        return self._count

    @property
    def fps(self) -> float | None:
        return None

    def episodes(self, first: int = 0) -> Iterator[Episode]:
        """All episodes in order, from number ``first``.

        Raises:
            ValueError: If an array is damaged.
        """
        before = 0
        for archive in self._archives:
            count = len(archive.starts)
            if first < before + count:
                yield from self._of_archive(archive, max(0, first - before), before)
            before += count

    def _of_archive(
        self, archive: _Archive, first: int, before: int
    ) -> Iterator[Episode]:
        with ExitStack() as stack:
            file = stack.enter_context(open_npz(archive.path))
            found = members(archive.path, file)
            names = {part.place for part in self._layout.parts()} | {ACTIONS}
            readers = {
                name: stack.enter_context(RowReader(file, found[name]))
                for name in names
            }
            for index in range(first, len(archive.starts)):
                try:
                    episode = self._read(readers, archive, index, before + index)
                    validate_episode(episode, self._spec)
                except ValueError as error:
                    number = archive.numbers[index]
                    message = f"{archive.path}, episode {number}: {error}"
                    raise ValueError(message) from error
                yield episode

    def _read(
        self, readers: dict[str, RowReader], archive: _Archive, index: int, seed: int
    ) -> Episode:
        start, frames = int(archive.starts[index]), int(archive.lengths[index])
        check_size(self._layout, frames)

        def rows(part: Part, first: int, stop: int) -> np.ndarray:
            return readers[part.place].rows(start + first, start + stop)

        actions = readers[ACTIONS].rows(start, start + frames - 1)
        return Episode(
            observations=read_streams(self._layout.streams, rows, frames),
            actions=self._coding.encode(actions),
            labels=read_streams(self._layout.labels, rows, frames),
            seed=seed,
        )

    def _find_spec(self, name: str, counts: list[int]) -> WorldSpec:
        options = {
            "format": self.format,
            "actions": self._coding.options(),
            "state": state_parts(self._layout),
            "left_out": list(self._layout.left_out),
        }
        if len(counts) == 2:
            train = list(range(counts[0]))
            options["mask"] = {
                "train": train,
                "valid": list(range(counts[0], sum(counts))),
            }
        return WorldSpec(
            id=name,
            action_low=self._coding.low,
            action_high=self._coding.high,
            streams=specs(self._layout.streams),
            labels=specs(self._layout.labels),
            max_steps=max(int(a.lengths.max()) for a in self._archives) - 1,
            options=options,
        )


def _pair(folder: Path) -> tuple[Path, ...]:
    """The two archives of a folder, or nothing."""
    archives = sorted(folder.glob("*.npz"))
    train = [p for p in archives if not p.stem.endswith(HELD_OUT)]
    if len(archives) != 2 or len(train) != 1:
        return ()
    held_out = train[0].with_name(f"{train[0].stem}{HELD_OUT}.npz")
    return (train[0], held_out) if held_out in archives else ()


def _files(path: Path) -> tuple[Path, ...]:
    if not path.is_dir():
        return (path,)
    files = _pair(path)
    if not files:
        raise ValueError(
            f"{path} is a folder without a single pair NAME.npz and NAME-val.npz; name "
            "the archive itself"
        )
    return files


def _open(path: Path, wanted: Wanted, largest_ratio: float) -> _Archive:
    """Look into an archive: its headers, terminals and actions."""
    with open_npz(path) as archive:
        found = members(path, archive)
        layout = _checked_layout(path, found, wanted, largest_ratio)
        with RowReader(archive, found[TERMINALS]) as terminals:
            starts, lengths = _table(terminals)
        numbers = np.flatnonzero(lengths > 1)
        if len(numbers) == 0:
            raise ValueError(f"{path} holds no episode with a step")
        starts, lengths = starts[numbers], lengths[numbers]
        with RowReader(archive, found[ACTIONS]) as actions:
            return _Archive(
                path=path,
                starts=starts,
                lengths=lengths,
                numbers=numbers,
                layout=layout,
                actions=_action_range(actions, starts + lengths - 1),
                choices=found[ACTIONS].dtype.kind in "biu",
            )


def _checked_layout(
    path: Path, found: dict[str, Member], wanted: Wanted, largest_ratio: float
) -> Layout:
    """The layout of arrays that are all there, equally long and not too large."""
    for name in NEEDED:
        if name not in found:
            raise ValueError(
                f"{path} holds no array of numbers {name!r} (it has {sorted(found)}); "
                "OGBench datasets have observations, actions and terminals"
            )
    rows = found[TERMINALS].shape[0]
    for name in NEEDED:
        if found[name].shape[0] != rows:
            raise ValueError(
                f"{path}: {name} has {found[name].shape[0]} rows, expected {rows} as "
                "terminals has"
            )
    layout = _layout_of(path, found, wanted)
    names = {ACTIONS, TERMINALS, *(part.place for part in layout.parts())}
    claimed = sum(found[name].num_bytes for name in names)
    check_declared(path, claimed, largest_ratio)
    return layout


def _layout_of(path: Path, found: dict[str, Member], wanted: Wanted) -> Layout:
    """Sort the arrays into streams and labels."""
    rows = found[TERMINALS].shape[0]
    parts = [_part(member) for member in found.values() if member.shape[0] == rows]
    observed = [p for p in parts if p.place == OBSERVATIONS]
    pictures = [p for p in observed if is_picture(p)]
    state = [p for p in observed if p not in pictures and is_number(p)]
    others = [p for p in parts if p.place not in NEEDED]
    labels = {WITH_ACTION.get(p.name, p.name): p for p in others if fits_label(p)}
    used = {p.place for p in labels.values()}
    return Layout(
        streams=choose(path, streams_of(pictures, state, wanted), wanted),
        labels={name: plain_stream(part) for name, part in labels.items()},
        left_out=tuple(p.name for p in others if p.place not in used),
    )


def _part(member: Member) -> Part:
    return Part(
        name=member.name,
        place=member.name,
        shape=member.row_shape,
        dtype=str(member.dtype.newbyteorder("=")),
        with_action=member.name in WITH_ACTION,
    )


def _table(terminals: RowReader) -> tuple[np.ndarray, np.ndarray]:
    """(E,) first row and (E,) rows of each episode, without keeping the column."""
    count = terminals.member.shape[0]
    ends = [np.zeros(0, np.int64)]
    for first in range(0, count, BLOCK_ROWS):
        stop = min(first + BLOCK_ROWS, count)
        block = terminals.rows(first, stop).reshape(stop - first, -1)
        ends.append(np.flatnonzero(block.any(axis=1)) + first + 1)
    stops = np.concatenate(ends)
    if count and (len(stops) == 0 or stops[-1] != count):
        stops = np.append(stops, count)
    lengths = np.diff(stops, prepend=0)
    return stops - lengths, lengths


def _action_range(actions: RowReader, last: np.ndarray) -> ActionRange:
    """Range of the actions that are kept: not those in the last rows of episodes."""
    found = ActionRange(actions.member.row_shape)
    for first in range(0, actions.member.shape[0], BLOCK_ROWS):
        stop = min(first + BLOCK_ROWS, actions.member.shape[0])
        used = np.ones(stop - first, bool)
        used[last[(last >= first) & (last < stop)] - first] = False
        found.add(actions.rows(first, stop)[used])
    return found


def _coding(archives: tuple[_Archive, ...]) -> ActionCoding:
    """One coding for all archives."""
    total = archives[0].actions
    try:
        for archive in archives[1:]:
            total.merge(archive.actions)
        return found_choices(total) if archives[0].choices else continuous(total)
    except ValueError as error:
        raise ValueError(f"{archives[0].path}: {error}") from error
