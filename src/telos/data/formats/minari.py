"""Reading Minari datasets: a folder with HDF5 data and their description."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from telos.data.formats import hdf5
from telos.data.formats.action_coding import ActionCoding
from telos.data.formats.bombs import check_declared
from telos.data.formats.jpeg import decode_jpegs, is_jpeg_table
from telos.data.formats.links import refuse_outside
from telos.data.formats.minari_about import (
    DATA,
    DESCRIPTION,
    About,
    about,
    layout_in,
    main_file,
    read_description,
)
from telos.data.formats.minari_layout import (
    Contents,
    in_all_episodes,
    layout_of,
    look_through,
    own_layout,
)
from telos.data.formats.parts import (
    Layout,
    Part,
    check_size,
    read_streams,
    row_bytes,
    specs,
    state_parts,
)
from telos.data.formats.source import Wanted
from telos.data.formats.spaces import action_coding
from telos.data.validation import validate_episode
from telos.envs.world import WorldSpec
from telos.types import Episode


def recognises(path: Path) -> bool:
    """Whether a path is a Minari dataset, its ``data`` folder, or its HDF5 file."""
    main = main_file(path)
    if main is None:
        return False
    return main.with_name(DESCRIPTION).is_file() or hdf5.holds(main, "episode_0")


class MinariSource:
    """A Minari dataset, version 0.4 or 0.5, stored as HDF5.

    An episode has one observation more than actions, as in `telos`, so nothing is
    lost of it. Rewards, terminations and truncations become the labels ``reward``,
    ``terminated`` and ``truncated`` of the frame that the action led to; at the first
    frame they are 0. Infos with a row per observation become labels. JPEG-coded images
    are decoded.

    Of Dict and Tuple observations, RGB images become streams, vectors are joined into
    ``state`` in alphabetical order (the spec's options list them), and goals, wanted
    or achieved, become labels. uint8 arrays of fewer than 32 pixels a side are numbers,
    not images, as Minari has it. Text, larger arrays of other shapes, and infos that
    not all episodes have are left out; the spec's options name them. A discrete action
    becomes a one-hot vector.

    What `telos.data.formats.minari_writer` wrote comes back as it was, spec and layouts
    included. An episode's seed is always its number; the one that reset an environment
    stays in Minari's attribute ``seed``.

    Args:
        path: The dataset's folder, the folder ``data`` in it, or ``main_data.hdf5``.
        wanted: What to read.

    Raises:
        FileNotFoundError: If there is no such path.
        ValueError: If it is no Minari dataset in HDF5, a damaged one, or a folder whose
            links lead out of it.
    """

    format = "minari"

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = _existing(path)
        if path.is_dir():
            for file in (self.path, self.path.with_name(DESCRIPTION)):
                refuse_outside(path, file)
        described = read_description(self.path)
        with hdf5.open_hdf5(self.path) as file:
            said = about(self.path, described, file)
            contents = look_through(file)
            _compare(self.path, said, contents)
            self._layout = self._find_layout(file, said, contents, wanted)
        frames = sum(contents.steps) + len(contents.steps)
        check_declared(self.path, frames * row_bytes(self._layout))
        self._numbers = contents.numbers
        self._own = said.spec is not None
        self._coding = _coding(self.path, said, contents)
        self._spec = self._find_spec(said, contents)

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_episodes(self) -> int:
        return len(self._numbers)

    @property
    def fps(self) -> float | None:
        return None

    def episodes(self, first: int = 0) -> Iterator[Episode]:
        """All episodes in order, from number ``first``.

        Raises:
            ValueError: If an episode is damaged or is not what the first one promised.
        """
        with hdf5.open_hdf5(self.path) as file:
            for index in range(first, self.num_episodes):
                name = f"episode_{self._numbers[index]}"
                try:
                    episode = self._read(hdf5.group_at(file, name), index)
                    validate_episode(episode, self._spec)
                except ValueError as error:
                    raise ValueError(f"{self.path}, {name}: {error}") from error
                yield episode

    def _read(self, group: h5py.Group, index: int) -> Episode:
        actions = hdf5.table_at(group, "actions")
        frames = len(actions) + 1
        check_size(self._layout, frames)
        rows = _Rows(group, self._layout, len(actions))
        return Episode(
            observations=read_streams(self._layout.streams, rows, frames),
            actions=self._coding.encode(hdf5.read(actions, 0, len(actions))),
            labels=read_streams(self._layout.labels, rows, frames),
            seed=index,
            layout=layout_in(group) if self._own else {},
        )

    def _find_layout(
        self, file: h5py.File, said: About, contents: Contents, wanted: Wanted
    ) -> Layout:
        if said.spec is not None:
            return own_layout(self.path, said.spec, wanted)
        episode = hdf5.group_at(file, f"episode_{contents.numbers[0]}")
        layout = layout_of(self.path, episode, said.observation_space, wanted)
        return in_all_episodes(file, layout, contents)

    def _find_spec(self, said: About, contents: Contents) -> WorldSpec:
        if said.spec is not None:
            return replace(said.spec, streams=specs(self._layout.streams))
        return WorldSpec(
            id=said.name,
            action_low=self._coding.low,
            action_high=self._coding.high,
            streams=specs(self._layout.streams),
            labels=specs(self._layout.labels),
            max_steps=max(contents.steps),
            options={
                "format": self.format,
                "actions": self._coding.options(),
                "state": state_parts(self._layout),
                "left_out": list(self._layout.left_out),
            },
        )


class _Rows:
    """Rows of one episode; each array is opened once and its length compared."""

    def __init__(self, group: h5py.Group, layout: Layout, steps: int) -> None:
        self._tables: dict[str, h5py.Dataset] = {}
        for part in layout.parts():
            table = hdf5.table_at(group, part.place)
            expected = steps if part.with_action else steps + 1
            if len(table) != expected:
                raise ValueError(
                    f"{part.place} has {len(table)} rows, expected {expected} beside "
                    f"{steps} actions"
                )
            self._tables[part.place] = table

    def __call__(self, part: Part, first: int, stop: int) -> np.ndarray:
        table = self._tables[part.place]
        if part.dtype == "uint8" and is_jpeg_table(table, part.shape):
            return decode_jpegs(table, first, stop, part.shape)
        return hdf5.read(table, first, stop)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path")
    main = main_file(path)
    if main is None:
        raise ValueError(f"{path} is no Minari dataset, expected data/{DATA} in it")
    return main


def _compare(path: Path, said: About, contents: Contents) -> None:
    """A copy that was cut off has fewer episodes than its description says."""
    if said.episodes not in (None, contents.stored):
        raise ValueError(
            f"{path} holds {contents.stored} episodes, but is said to have "
            f"{said.episodes}; the copy is not complete"
        )


def _coding(path: Path, said: About, contents: Contents) -> ActionCoding:
    if said.spec is not None:
        low, high = said.spec.action_low, said.spec.action_high
        return ActionCoding(low=low, high=high, origin="declared")
    try:
        return action_coding(said.action_space, contents.actions)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
