"""Reading robomimic datasets: one HDF5 file with a group per demonstration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from telos.data.formats import hdf5
from telos.data.formats.action_coding import ActionRange, continuous
from telos.data.formats.bombs import check_declared
from telos.data.formats.parts import (
    Layout,
    Part,
    check_size,
    choose,
    fits_label,
    fits_state,
    is_picture,
    plain_stream,
    read_streams,
    row_bytes,
    specs,
    state_parts,
    streams_of,
)
from telos.data.formats.source import Wanted
from telos.data.validation import validate_episode
from telos.envs.world import WorldSpec
from telos.types import Episode

OUTCOMES = {"rewards": "reward", "dones": "done"}
"""Arrays with a row per action, and the labels that they become."""
PRIVILEGED = ("object", "object-state")
"""Observations that no robot measures of itself: poses of all objects."""
MOST_NAMES = 1_000_000
"""Names in a filter key above which it is refused."""


def recognises(path: Path) -> bool:
    """Whether a path is an HDF5 file with demonstrations in the group ``data``."""
    if not hdf5.holds(path, "data"):
        return False
    with hdf5.open_hdf5(path) as file:
        try:
            demos = hdf5.group_at(file, "data")
        except ValueError:
            return False
        return any(_number(name) is not None for name in hdf5.names(demos))


@dataclass(frozen=True, kw_only=True)
class _Demo:
    """A demonstration that has at least one action whose effect is stored."""

    name: str
    steps: int
    """Actions that are kept."""


class RobomimicSource:
    """A robomimic dataset (also written by robosuite, MimicGen and LIBERO).

    A demonstration stores an observation before each of its T actions, and perhaps
    the observation after each in ``next_obs``. With ``next_obs``, its last row becomes
    frame T and no action is lost; without, the last action of each demonstration is
    dropped, since no frame shows what it did.

    Images become streams and vectors are joined into ``state`` in alphabetical order
    (the spec's options list them). What no robot measures of itself, ``object``,
    becomes a label, as do ``rewards`` (label ``reward``) and ``dones`` (``done``), both
    of the frame that the action led to and 0 at the first. The simulator's ``states``
    become a label only without ``next_obs``: there is none for frame T. Depth images
    and other large arrays are left out; the spec's options name them.

    Demonstrations come in the order of their numbers, which may have gaps; ``seed`` is
    the position. Filter keys (``mask``) are lists of positions in the spec's options.
    robomimic wants actions in [-1, 1]; where they are not, their bounds are measured.

    Args:
        path: The HDF5 file.
        wanted: What to read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no robomimic dataset, or a damaged one.
    """

    format = "robomimic"

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = path
        with hdf5.open_hdf5(path) as file:
            data = hdf5.group_at(file, "data")
            names = _names(path, data)
            example = hdf5.group_at(data, names[0])
            self._after = _has_next(example)
            self._layout = _layout_of(path, example, self._after, wanted)
            self._demos, found = _look_through(data, names, self._after)
            about = _environment(path, data)
            masks = _masks(path, file, [demo.name for demo in self._demos])
        frames = sum(demo.steps + 1 for demo in self._demos)
        check_declared(path, frames * row_bytes(self._layout))
        try:
            self._coding = continuous(found)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        self._fps = _frequency(about)
        self._spec = self._find_spec(about, masks)

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_episodes(self) -> int:
        return len(self._demos)

    @property
    def fps(self) -> float | None:
        return self._fps

    def episodes(self, first: int = 0) -> Iterator[Episode]:
        """All demonstrations in order, from number ``first``.

        Raises:
            ValueError: If one is damaged or is not what the first one promised.
        """
        with hdf5.open_hdf5(self.path) as file:
            for index in range(first, self.num_episodes):
                demo = self._demos[index]
                try:
                    group = hdf5.group_at(file, f"data/{demo.name}")
                    episode = self._read(group, demo, index)
                    validate_episode(episode, self._spec)
                except ValueError as error:
                    raise ValueError(f"{self.path}, {demo.name}: {error}") from error
                yield episode

    def _read(self, group: h5py.Group, demo: _Demo, index: int) -> Episode:
        check_size(self._layout, demo.steps + 1)
        rows = _Rows(group, self._layout, after=self._after)
        actions = hdf5.read(hdf5.table_at(group, "actions"), 0, demo.steps)
        return Episode(
            observations=read_streams(self._layout.streams, rows, demo.steps + 1),
            actions=self._coding.encode(actions),
            labels=read_streams(self._layout.labels, rows, demo.steps + 1),
            seed=index,
        )

    def _find_spec(
        self, about: Mapping[str, Any], masks: Mapping[str, list[int]]
    ) -> WorldSpec:
        return WorldSpec(
            id=self.path.stem,
            action_low=self._coding.low,
            action_high=self._coding.high,
            streams=specs(self._layout.streams),
            labels=specs(self._layout.labels),
            max_steps=max(demo.steps for demo in self._demos),
            options={
                "format": self.format,
                "environment": about.get("env_name"),
                "actions": self._coding.options(),
                "state": state_parts(self._layout),
                "left_out": list(self._layout.left_out),
                "mask": dict(masks),
            },
        )


class _Rows:
    """Rows of one demonstration; frame T comes from the last row of ``next_obs``."""

    def __init__(self, group: h5py.Group, layout: Layout, *, after: bool) -> None:
        steps = len(hdf5.table_at(group, "actions"))
        self._tables: dict[str, tuple[h5py.Dataset, ...]] = {}
        for part in layout.parts():
            places = [part.place]
            if after and part.place.startswith("obs/"):
                places.append("next_" + part.place)
            found = tuple(hdf5.table_at(group, place) for place in places)
            for table in found:
                if len(table) != steps:
                    raise ValueError(
                        f"{table.name} has {len(table)} rows, expected {steps}, one "
                        "beside each action"
                    )
            self._tables[part.place] = found

    def __call__(self, part: Part, first: int, stop: int) -> np.ndarray:
        before, *after = self._tables[part.place]
        steps = len(before)
        if not after or stop <= steps:
            return hdf5.read(before, first, stop)
        last = hdf5.read(after[0], steps - 1, steps)
        return np.concatenate([hdf5.read(before, first, steps), last])


def _number(name: str) -> int | None:
    match = re.fullmatch(r"demo_(\d+)", name)
    return int(match[1]) if match else None


def _names(path: Path, data: h5py.Group) -> list[str]:
    """Names of all demonstrations in the order of their numbers."""
    numbers = {name: _number(name) for name in hdf5.names(data)}
    numbered = [(n, name) for name, n in numbers.items() if n is not None]
    if not numbered:
        raise ValueError(f"{path} holds no demonstrations (groups data/demo_0, ...)")
    return [name for _, name in sorted(numbered)]


def _has_next(demo: h5py.Group) -> bool:
    """Whether every observation is also stored as it is after the action."""
    if not (hdf5.exists(demo, "obs") and hdf5.exists(demo, "next_obs")):
        return False
    names = (place.removeprefix("obs/") for place in hdf5.tables_at(demo, "obs"))
    return all(hdf5.exists(demo, f"next_obs/{name}") for name in names)


def _layout_of(path: Path, demo: h5py.Group, after: bool, wanted: Wanted) -> Layout:
    """Sort the arrays of a demonstration into streams and labels."""
    observed = [
        hdf5.part_at(data, place) for place, data in hdf5.tables_at(demo, "obs").items()
    ]
    pictures = [p for p in observed if is_picture(p)]
    hidden = [p for p in observed if p.name in PRIVILEGED and fits_label(p)]
    rest = [p for p in observed if p not in pictures and p not in hidden]
    state = [p for p in rest if fits_state(p)]
    labels = {part.name: part for part in hidden}
    for place, name in OUTCOMES.items():
        if hdf5.exists(demo, place):
            table = hdf5.table_at(demo, place)
            labels[name] = hdf5.part_at(table, place, with_action=True)
    labels |= {} if after else _states(demo)
    used = {p.place for p in (*pictures, *state, *labels.values())}
    others = ("states",) if hdf5.exists(demo, "states") else ()
    places = (*(p.place for p in observed), *others)
    return Layout(
        streams=choose(path, streams_of(pictures, state, wanted), wanted),
        labels={name: plain_stream(part) for name, part in labels.items()},
        left_out=tuple(place for place in places if place not in used),
    )


def _states(demo: h5py.Group) -> dict[str, Part]:
    """The simulator's states, where there are any beside the actions."""
    if not hdf5.exists(demo, "states"):
        return {}
    tables = hdf5.tables_at(demo, "states")
    steps = len(hdf5.table_at(demo, "actions"))
    parts = [hdf5.part_at(t, place) for place, t in tables.items() if len(t) == steps]
    return {part.name: part for part in parts if fits_label(part)}


def _look_through(
    data: h5py.Group, names: list[str], after: bool
) -> tuple[tuple[_Demo, ...], ActionRange]:
    """Lengths of all demonstrations, and the range of the actions that are kept."""
    found: ActionRange | None = None
    demos = []
    for name in names:
        actions = _actions(hdf5.group_at(data, name))
        steps = len(actions) if after else len(actions) - 1
        if steps < 1:
            continue
        found = found or ActionRange(actions.shape[1:])
        hdf5.add_range(found, actions, steps)
        demos.append(_Demo(name=name, steps=steps))
    if found is None:
        raise ValueError(f"{data.file.filename} holds no demonstration with a step")
    return tuple(demos), found


def _actions(demo: h5py.Group) -> h5py.Dataset:
    """The actions of a demonstration, as many as it says."""
    actions = hdf5.table_at(demo, "actions")
    said = int(demo.attrs.get("num_samples", len(actions)))
    if said != len(actions):
        raise ValueError(
            f"{demo.file.filename}: {demo.name} has {len(actions)} actions, expected "
            f"{said} as its attribute num_samples says"
        )
    return actions


def _environment(path: Path, data: h5py.Group) -> dict[str, Any]:
    """What the file says of its environment."""
    if "env_args" not in data.attrs:
        return {}
    try:
        about = json.loads(hdf5.text(data.attrs["env_args"]))
    except ValueError as error:
        raise ValueError(
            f"{path}: the attribute env_args of data is damaged ({error})"
        ) from error
    return about if isinstance(about, dict) else {}


def _frequency(about: Mapping[str, Any]) -> float | None:
    """Control steps per second, which robosuite environments say."""
    settings = about.get("env_kwargs")
    found = settings.get("control_freq") if isinstance(settings, dict) else None
    return float(found) if isinstance(found, int | float) and found > 0 else None


def _masks(path: Path, file: h5py.File, names: list[str]) -> dict[str, list[int]]:
    """Filter keys as positions of demonstrations."""
    if not hdf5.exists(file, "mask"):
        return {}
    position = {name: index for index, name in enumerate(names)}
    masks = {}
    for place, table in hdf5.tables_at(file, "mask").items():
        if table.dtype.kind not in "SO" or len(table) > MOST_NAMES:
            raise ValueError(f"{path}: {place} holds no names of demonstrations")
        chosen = [hdf5.text(name) for name in table[:]]
        masks[place.partition("/")[2]] = [position[n] for n in chosen if n in position]
    return masks
