"""Reading Minari datasets: a folder with HDF5 data and their description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from telos.data.formats import hdf5
from telos.data.formats.action_coding import ActionCoding
from telos.data.formats.bombs import check_declared
from telos.data.formats.jpeg import decode_jpegs, is_jpeg_table
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
from telos.data.formats.spaces import action_coding, parse_space
from telos.data.schema import spec_from_json
from telos.data.validation import validate_episode
from telos.envs.world import WorldSpec
from telos.types import Episode

DATA = "main_data.hdf5"
DESCRIPTION = "metadata.json"
LARGEST_DESCRIPTION = 256 * 2**20
"""Bytes of a description above which it is refused."""
SPEC_KEY = "telos_spec"
"""Key of the description under which `minari_writer` keeps a world's spec."""
LAYOUT_KEY = "telos_layout"
"""Attribute of an episode in which `minari_writer` keeps the episode's layout."""


def recognises(path: Path) -> bool:
    """Whether a path is a Minari dataset, its ``data`` folder, or its HDF5 file."""
    main = _main_file(path)
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
        ValueError: If it is no Minari dataset in HDF5, or a damaged one.
    """

    format = "minari"

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = _existing(path)
        described = _description(self.path)
        self._own = _own_spec(described)
        with hdf5.open_hdf5(self.path) as file:
            about = {**_root_attributes(file), **described}
            contents = look_through(file)
            _compare(self.path, about, contents)
            self._layout = self._find_layout(file, about, contents, wanted)
        frames = sum(contents.steps) + len(contents.steps)
        check_declared(self.path, frames * row_bytes(self._layout))
        self._numbers = contents.numbers
        self._coding = self._find_coding(about, contents)
        self._spec = self._find_spec(about, contents)

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
            layout={} if self._own is None else _layout_in(group),
        )

    def _find_layout(
        self,
        file: h5py.File,
        about: Mapping[str, Any],
        contents: Contents,
        wanted: Wanted,
    ) -> Layout:
        if self._own is not None:
            return own_layout(self.path, self._own, wanted)
        space = parse_space(about.get("observation_space"))
        episode = hdf5.group_at(file, f"episode_{contents.numbers[0]}")
        layout = layout_of(self.path, episode, space, wanted)
        return in_all_episodes(file, layout, contents)

    def _find_coding(
        self, about: Mapping[str, Any], contents: Contents
    ) -> ActionCoding:
        if self._own is not None:
            low, high = self._own.action_low, self._own.action_high
            return ActionCoding(low=low, high=high, origin="declared")
        try:
            space = parse_space(about.get("action_space"))
            return action_coding(space, contents.actions)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self.path}: {error}") from error

    def _find_spec(self, about: Mapping[str, Any], contents: Contents) -> WorldSpec:
        if self._own is not None:
            return replace(self._own, streams=specs(self._layout.streams))
        return WorldSpec(
            id=str(about.get("dataset_id") or self.path.parent.parent.name),
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
        if is_jpeg_table(table, part.shape):
            return decode_jpegs(table, first, stop, part.shape)
        return hdf5.read(table, first, stop)


def _main_file(path: Path) -> Path | None:
    """The HDF5 file of the dataset that a path leads to, whether it exists or not."""
    if path.name == DATA and path.is_file():
        return path
    for folder in (path / "data", path):
        if (folder / DATA).is_file() or (folder / DESCRIPTION).is_file():
            return folder / DATA
    return None


def _existing(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path")
    main = _main_file(path)
    if main is None:
        raise ValueError(f"{path} is no Minari dataset, expected data/{DATA} in it")
    return main


def _description(main: Path) -> dict[str, Any]:
    """The description beside a file; older files carry it in their attributes."""
    beside = main.with_name(DESCRIPTION)
    if not beside.is_file():
        return {}
    if beside.stat().st_size > LARGEST_DESCRIPTION:
        raise ValueError(f"{beside} is larger than {LARGEST_DESCRIPTION} bytes")
    try:
        about = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError as error:  # neither text nor JSON
        raise ValueError(hdf5.damaged(beside, str(error))) from error
    if not isinstance(about, dict):
        raise ValueError(f"{beside} is no JSON object, expected one")
    stored_as = about.get("data_format", "hdf5")
    if stored_as != "hdf5":
        raise ValueError(
            f"{beside} says that data are stored as {stored_as!r}, telos reads 'hdf5'; "
            "store the dataset anew with data_format='hdf5'"
        )
    return about


def _root_attributes(file: h5py.File) -> dict[str, Any]:
    """What older versions say of a dataset in its file."""
    names = ("dataset_id", "action_space", "observation_space", "total_episodes")
    return {n: hdf5.text(file.attrs[n]) for n in names if n in file.attrs}


def _compare(path: Path, about: Mapping[str, Any], contents: Contents) -> None:
    """A copy that was cut off has fewer episodes than its description says."""
    said = about.get("total_episodes")
    if said is not None and int(said) != contents.stored:
        raise ValueError(
            f"{path} holds {contents.stored} episodes, but is said to have {said}; the "
            "copy is not complete"
        )


def _own_spec(about: Mapping[str, Any]) -> WorldSpec | None:
    """The spec that telos wrote into a description."""
    if SPEC_KEY not in about:
        return None
    try:
        return spec_from_json(about[SPEC_KEY])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{SPEC_KEY} of {DESCRIPTION} is damaged: {error}") from error


def _layout_in(group: h5py.Group) -> dict[str, float]:
    """The layout of an episode that telos wrote."""
    try:
        return dict(json.loads(hdf5.text(group.attrs[LAYOUT_KEY])))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"attribute {LAYOUT_KEY} is damaged: {error}") from error
