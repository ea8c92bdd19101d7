"""What the arrays of a Minari dataset become, and one look through its episodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import h5py

from telos.data.formats import hdf5
from telos.data.formats.action_coding import ActionRange
from telos.data.formats.jpeg import is_jpeg_table
from telos.data.formats.parts import (
    Layout,
    Part,
    Stream,
    choose,
    fits_label,
    fits_state,
    is_goal,
    is_picture,
    plain_stream,
    streams_of,
)
from telos.data.formats.source import Wanted
from telos.data.formats.spaces import Space, leaf_at
from telos.envs.world import StreamSpec, WorldSpec

OUTCOMES = {
    "rewards": "reward",
    "terminations": "terminated",
    "truncations": "truncated",
}
"""Minari's arrays with a row per action, and the labels that they become."""
SMALLEST_IMAGE = 32
"""Pixels a side from which Minari takes an array of bytes for an image."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What one look through all episodes found."""

    numbers: tuple[int, ...]
    """Numbers of the episodes that have an action."""
    steps: tuple[int, ...]
    """Actions of each of them."""
    stored: int
    """All episodes, those without an action included."""
    actions: ActionRange


def layout_of(
    path: Path, episode: h5py.Group, space: Space | None, wanted: Wanted
) -> Layout:
    """Sort the arrays of an episode into streams and labels.

    Args:
        path: The file, for messages.
        episode: Any episode.
        space: The dataset's observation space, where it is known.
        wanted: What to read.

    Raises:
        ValueError: If there is nothing to read, or not what is wanted.
    """
    observed = list(_observed(episode, space))
    pictures = [p for p in observed if is_picture(p, SMALLEST_IMAGE)]
    goals = [p for p in observed if is_goal(p) and p not in pictures]
    rest = [p for p in observed if p not in pictures and p not in goals]
    state = [p for p in rest if fits_state(p)]
    labels = {p.name: p for p in goals if fits_label(p)}
    labels |= {name: _outcome(episode, place) for place, name in OUTCOMES.items()}
    infos = list(_infos(episode))
    for part in filter(fits_label, infos):
        labels[f"info.{part.name}" if part.name in labels else part.name] = part
    used = {p.place for p in (*pictures, *state, *labels.values())}
    return Layout(
        streams=choose(path, streams_of(pictures, state, wanted), wanted),
        labels={name: plain_stream(part) for name, part in labels.items()},
        left_out=tuple(p.place for p in (*observed, *infos) if p.place not in used),
    )


def own_layout(path: Path, spec: WorldSpec, wanted: Wanted) -> Layout:
    """The layout of what `minari_writer` wrote: every array as it stands."""
    streams = {
        name: _resized(_own_stream("observations", name, stream), wanted)
        for name, stream in spec.streams.items()
    }
    labels = {
        name: _own_stream("infos", name, stream) for name, stream in spec.labels.items()
    }
    return Layout(streams=choose(path, streams, wanted), labels=labels)


def numbers_of(file: h5py.File) -> list[int]:
    """Numbers of all episodes of a file, in order.

    Raises:
        ValueError: If there are none, or some are missing between them.
    """
    matches = (re.fullmatch(r"episode_(\d+)", name) for name in hdf5.names(file))
    numbers = sorted(int(match[1]) for match in matches if match)
    if not numbers:
        raise ValueError(f"{file.filename} holds no episodes (groups episode_0, ...)")
    if numbers != list(range(len(numbers))):
        missing = sorted(set(range(numbers[-1])) - set(numbers))[:5]
        raise ValueError(
            f"{file.filename} lacks the episodes {missing} of {numbers[-1] + 1}; the "
            "copy is not complete"
        )
    return numbers


def look_through(file: h5py.File) -> Contents:
    """Read the lengths of all episodes, and the range of their actions.

    Raises:
        ValueError: If actions differ in shape, or a length is not what is said of it.
    """
    found: ActionRange | None = None
    stored = numbers_of(file)
    numbers, steps = [], []
    for number in stored:
        episode = hdf5.group_at(file, f"episode_{number}")
        actions = hdf5.table_at(episode, "actions")
        said = episode.attrs.get("total_steps", len(actions))
        if int(said) != len(actions):
            raise ValueError(
                f"{file.filename}, episode_{number}: {len(actions)} actions, expected "
                f"{int(said)} as its attribute total_steps says"
            )
        if len(actions) == 0:
            continue
        found = found or ActionRange(actions.shape[1:])
        hdf5.add_range(found, actions, len(actions))
        numbers.append(number)
        steps.append(len(actions))
    if found is None:
        raise ValueError(f"{file.filename} holds no episode with an action")
    return Contents(
        numbers=tuple(numbers), steps=tuple(steps), stored=len(stored), actions=found
    )


def in_all_episodes(file: h5py.File, layout: Layout, contents: Contents) -> Layout:
    """The layout without labels of infos that some episode lacks."""
    labels = dict(layout.labels)
    for number in contents.numbers:
        episode = hdf5.group_at(file, f"episode_{number}")
        for name, place in _info_places(labels):
            if not hdf5.exists(episode, place):
                del labels[name]
    gone = [layout.labels[n].parts[0].place for n in layout.labels if n not in labels]
    return replace(layout, labels=labels, left_out=(*layout.left_out, *gone))


def _observed(episode: h5py.Group, space: Space | None) -> Iterator[Part]:
    """Every array of an observation, images in their decoded shape."""
    for place, data in hdf5.tables_at(episode, "observations").items():
        part = hdf5.part_at(data, place)
        leaf = leaf_at(space, place)
        declared = tuple(leaf.get("shape", ())) if leaf else ()
        if is_jpeg_table(data, declared):
            part = replace(part, shape=declared, dtype="uint8")
        yield part


def _infos(episode: h5py.Group) -> Iterator[Part]:
    """Every info that has a row per observation."""
    if not hdf5.exists(episode, "infos"):
        return
    rows = len(hdf5.table_at(episode, "actions")) + 1
    for place, data in hdf5.tables_at(episode, "infos").items():
        if len(data) == rows:
            yield hdf5.part_at(data, place)


def _outcome(episode: h5py.Group, place: str) -> Part:
    return hdf5.part_at(hdf5.table_at(episode, place), place, with_action=True)


def _info_places(labels: Mapping[str, Stream]) -> list[tuple[str, str]]:
    found = [(name, stream.parts[0].place) for name, stream in labels.items()]
    return [(name, place) for name, place in found if place.startswith("infos/")]


def _own_stream(group: str, name: str, stream: StreamSpec) -> Stream:
    """As it stands."""
    part = Part(
        name=name, place=f"{group}/{name}", shape=stream.shape, dtype=stream.dtype
    )
    return Stream(spec=stream, parts=(part,), kind="plain")


def _resized(stream: Stream, wanted: Wanted) -> Stream:
    """An RGB image in the size that is asked for."""
    shape, size = stream.spec.shape, wanted.image_size
    if size is None or not is_picture(stream.parts[0]) or shape[2:] != (3,):
        return stream
    return replace(stream, spec=replace(stream.spec, shape=(*size, 3)), kind="image")
