"""Reading the HDF5 layout of stable-worldmodel: one dataset per column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from telos.data.formats import hdf5
from telos.data.formats.action_coding import (
    ActionCoding,
    ActionRange,
    continuous,
    found_choices,
)
from telos.data.formats.bombs import check_declared
from telos.data.formats.parts import (
    Layout,
    Part,
    check_size,
    choose,
    fits_label,
    fits_state,
    is_goal,
    is_number,
    is_picture,
    plain_stream,
    read_streams,
    row_bytes,
    specs,
    state_parts,
    streams_of,
)
from telos.data.formats.source import Wanted
from telos.data.recording import first_frames
from telos.data.validation import validate_episode
from telos.envs.world import WorldSpec
from telos.types import Episode

TABLE = ("ep_len", "ep_offset")
NUMBERING = ("ep_idx", "episode_idx")
"""Columns with the number of a row's episode, which repeat the table."""
BOOKKEEPING = (*TABLE, *NUMBERING, "step_idx", "id", "action")
"""Columns that are neither stream nor label."""
STATE = ("proprio", "observation", "state")
"""What the robot may measure of itself: the first of these columns that exists."""
REWARD = "reward"
FACTOR = "variation."
"""How the name of a column begins that is fixed for an episode."""
LARGEST_FACTOR = 64
"""Numbers of such a column above which it is left out."""
ACTION_ROWS = 65_536
"""Actions that are looked at together when their range is measured."""


def recognises(path: Path) -> bool:
    """Whether a path is an HDF5 file with a table of episodes, and actions."""
    return hdf5.holds(path, *TABLE, "action")


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The episodes that have at least one step."""

    starts: np.ndarray
    """(E,) int64, first row of each."""
    lengths: np.ndarray
    """(E,) int64, rows of each: frames."""
    numbers: np.ndarray
    """(E,) int64, position of each in the file's own table."""


class StableWorldmodelSource:
    """A dataset in the HDF5 layout of stable-worldmodel.

    Row t holds frame t and the action that leaves it. In the row of an episode's last
    frame stands no action (NaN) and whatever stands there is not read, so nothing is
    lost. Episodes of a single row have no action and are passed over.

    RGB columns become streams, ``pixels`` above all. ``state`` is the column
    ``proprio`` if there is one, else ``observation``, else ``state``; every other
    column of numbers becomes a label, ``reward`` with 0 in place of the NaN that
    stands at the first frame. Columns ``variation.*`` become the episode's layout. Text
    and large arrays are left out; the spec's options name them.

    The layout does not say the bounds of actions: they are [-1, 1] if all actions lie
    inside, else the range that was found. Whole numbers are choices, counted from 0,
    and become one-hot vectors.

    Args:
        path: The HDF5 file.
        wanted: What to read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has another layout, or is damaged.
    """

    format = "stable-worldmodel"

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = path
        with hdf5.open_hdf5(path) as file:
            actions = hdf5.table_at(file, "action")
            self._table = _table(file, len(actions))
            columns = _columns(file, len(actions))
            self._factors = _factors(columns)
            self._numbering = next((n for n in NUMBERING if n in columns), None)
            self._layout = _layout_of(path, columns, wanted)
            check_declared(path, len(actions) * row_bytes(self._layout))
            try:
                self._coding = _coding(actions, self._table)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
        self._spec = WorldSpec(
            id=path.stem,
            action_low=self._coding.low,
            action_high=self._coding.high,
            streams=specs(self._layout.streams),
            labels=specs(self._layout.labels),
            max_steps=int(self._table.lengths.max()) - 1,
            options={
                "format": self.format,
                "actions": self._coding.options(),
                "state": state_parts(self._layout),
                "left_out": list(self._layout.left_out),
            },
        )

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_episodes(self) -> int:
        return len(self._table.starts)

    @property
    def fps(self) -> float | None:
        return None

    def episodes(self, first: int = 0) -> Iterator[Episode]:
        """All episodes in order, from number ``first``.

        Raises:
            ValueError: If an episode is damaged.
        """
        with hdf5.open_hdf5(self.path) as file:
            places = ["action", *self._factors, *self._layout_places()]
            tables = {place: hdf5.table_at(file, place) for place in places}
            for index in range(first, self.num_episodes):
                try:
                    episode = self._read(tables, index)
                    validate_episode(episode, self._spec)
                except ValueError as error:
                    number = self._table.numbers[index]
                    raise ValueError(f"{self.path}, episode {number}: {error}") from (
                        error
                    )
                yield episode

    def _layout_places(self) -> list[str]:
        numbering = [] if self._numbering is None else [self._numbering]
        return [*numbering, *(part.place for part in self._layout.parts())]

    def _read(self, tables: Mapping[str, h5py.Dataset], index: int) -> Episode:
        start = int(self._table.starts[index])
        frames = int(self._table.lengths[index])
        check_size(self._layout, frames)
        self._check_numbering(tables, start, frames)

        def rows(part: Part, first: int, stop: int) -> np.ndarray:
            found = hdf5.read(tables[part.place], start + first, start + stop)
            return _with_first_reward(found) if part.name == REWARD else found

        actions = hdf5.read(tables["action"], start, start + frames - 1)
        return Episode(
            observations=read_streams(self._layout.streams, rows, frames),
            actions=self._coding.encode(actions),
            labels=read_streams(self._layout.labels, rows, frames),
            seed=index,
            layout=_layout_at(tables, self._factors, start),
        )

    def _check_numbering(
        self, tables: Mapping[str, h5py.Dataset], start: int, frames: int
    ) -> None:
        if self._numbering is None:
            return
        found = np.unique(hdf5.read(tables[self._numbering], start, start + frames))
        if len(found) != 1:
            raise ValueError(
                f"its rows {start} to {start + frames - 1} belong to episodes "
                f"{found[:5].tolist()} as {self._numbering} says, but to one as "
                "ep_offset and ep_len say"
            )


def _table(file: h5py.File, rows: int) -> _Table:
    """The table of episodes, which must fill the columns without gaps."""
    lengths, starts = (
        hdf5.read(table, 0, len(table)).astype(np.int64)
        for table in (hdf5.table_at(file, name) for name in TABLE)
    )
    whole = lengths.ndim == 1 and lengths.shape == starts.shape and (lengths >= 0).all()
    if not whole or not np.array_equal(starts, first_frames(lengths)):
        raise ValueError(f"{file.filename}: ep_len and ep_offset do not add up")
    if lengths.sum() != rows:
        raise ValueError(
            f"{file.filename}: the table of episodes counts {lengths.sum()} rows, but "
            f"action has {rows}; the file is not complete"
        )
    numbers = np.flatnonzero(lengths > 1)
    if len(numbers) == 0:
        raise ValueError(f"{file.filename} holds no episode with a step")
    return _Table(starts=starts[numbers], lengths=lengths[numbers], numbers=numbers)


def _columns(file: h5py.File, rows: int) -> dict[str, Part]:
    """All columns but the table itself, each with a row per frame."""
    columns = {}
    for name in hdf5.names(file):
        if name in TABLE:
            continue
        table = hdf5.table_at(file, name)
        if len(table) != rows:
            raise ValueError(
                f"{file.filename}: column {name} has {len(table)} rows, expected "
                f"{rows} as action has"
            )
        columns[name] = hdf5.part_at(table, name)
    return columns


def _factors(columns: Mapping[str, Part]) -> tuple[str, ...]:
    return tuple(
        name
        for name, part in columns.items()
        if name.startswith(FACTOR) and is_number(part) and part.size <= LARGEST_FACTOR
    )


def _layout_of(path: Path, columns: Mapping[str, Part], wanted: Wanted) -> Layout:
    """Sort the columns into streams and labels."""
    offered = {
        name: part
        for name, part in columns.items()
        if name not in BOOKKEEPING and not name.startswith(FACTOR)
    }
    pictures = [p for p in offered.values() if is_picture(p) and not is_goal(p)]
    measured = [offered[n] for n in STATE if n in offered and fits_state(offered[n])]
    state = measured[:1]
    rest = [p for p in offered.values() if p not in pictures and p not in state]
    labels = {part.name: plain_stream(part) for part in rest if fits_label(part)}
    return Layout(
        streams=choose(path, streams_of(pictures, state, wanted), wanted),
        labels=labels,
        left_out=tuple(part.name for part in rest if part.name not in labels),
    )


def _coding(actions: h5py.Dataset, table: _Table) -> ActionCoding:
    """From the actions that leave a frame; those in the last rows mean nothing."""
    found = ActionRange(actions.shape[1:])
    last = table.starts + table.lengths - 1
    for first in range(0, len(actions), ACTION_ROWS):
        stop = min(first + ACTION_ROWS, len(actions))
        used = np.ones(stop - first, bool)
        used[last[(last >= first) & (last < stop)] - first] = False
        found.add(hdf5.read(actions, first, stop)[used])
    if actions.dtype.kind in "biu":
        return found_choices(found)
    return continuous(found)


def _with_first_reward(rewards: np.ndarray) -> np.ndarray:
    """No reward comes with a reset: the NaN there becomes 0."""
    if len(rewards) and rewards.dtype.kind == "f":
        rewards[:1] = np.nan_to_num(rewards[:1], nan=0.0)
    return rewards


def _layout_at(
    tables: Mapping[str, h5py.Dataset], factors: tuple[str, ...], row: int
) -> dict[str, float]:
    """The factors of the episode that begins at a row, one number each."""
    layout = {}
    for name in factors:
        numbers = hdf5.read(tables[name], row, row + 1).reshape(-1).tolist()
        short = name.removeprefix(FACTOR)
        alone = len(numbers) == 1
        for index, number in enumerate(numbers):
            layout[short if alone else f"{short}[{index}]"] = float(number)
    return layout
