"""What the streams, labels and actions of an episode file become in a LeRobot dataset.

The way back of `features`; an extra observation stream ``x`` becomes
``observation.x``, which comes back as a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from telos.data.formats.lerobot.features import (
    ACTION,
    CAMERAS,
    COUNTERS,
    STATE,
    TIMESTAMP,
)
from telos.data.formats.lerobot.selection import TASK
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode

if TYPE_CHECKING:
    import pyarrow as pa

RESERVED = (ACTION, STATE, TIMESTAMP, *COUNTERS)


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """What is written."""

    cameras: Mapping[str, str]
    """Feature -> stream."""
    vectors: Mapping[str, tuple[str, str]]
    """Feature -> (``observations`` or ``labels``, name) of other columns."""
    specs: Mapping[str, StreamSpec]
    """Feature -> shape and dtype of everything but cameras; shape () is a number."""
    pictures: Mapping[str, tuple[int, int, int]]
    """Feature -> height, width and 3."""


def outgoing(spec: WorldSpec, *, with_time: bool) -> Outgoing:
    """Plan the features of a world.

    Args:
        spec: Of the episodes.
        with_time: Whether the label ``time`` is stored as a feature of its own, because
            it is not what LeRobot's own time stamps say.

    Raises:
        ValueError: If a label has a name that LeRobot needs for something else.
    """
    cameras = {_camera(n): n for n, s in spec.streams.items() if _is_picture(s)}
    vectors = {
        f"observation.{name}": ("observations", name)
        for name, stream in spec.streams.items()
        if not _is_picture(stream)
    }
    for name in spec.labels:
        if name in RESERVED or name in vectors or name.startswith(CAMERAS):
            raise ValueError(
                f"label {name!r} cannot be exported: LeRobot uses that name itself; "
                "rename it in the episode file"
            )
        if name != "time" or with_time:
            vectors[name] = ("labels", name)
    groups = {"observations": spec.streams, "labels": spec.labels}
    own = {
        TIMESTAMP: StreamSpec(shape=(), dtype="float32"),
        **{name: StreamSpec(shape=(), dtype="int64") for name in (*COUNTERS, TASK)},
    }
    found = {key: groups[group][name] for key, (group, name) in vectors.items()}
    action = {ACTION: StreamSpec(shape=(spec.action_dim,), dtype="float32")}
    return Outgoing(
        cameras=cameras,
        vectors=vectors,
        specs={**action, **found, **own},
        pictures={key: _size(spec.streams[name]) for key, name in cameras.items()},
    )


def columns_of(
    plan: Outgoing, episode: Episode, *, index: int, first: int, fps: float
) -> dict[str, np.ndarray]:
    """Rows of an episode, by feature; cameras are not among them.

    Args:
        plan: What is written.
        episode: With T actions; the last one is written twice.
        index: Number of the episode.
        first: Frames of all episodes before.
        fps: Frames per second.
    """
    frames = np.arange(episode.num_steps + 1)
    groups = {"observations": episode.observations, "labels": episode.labels}
    columns = {key: groups[group][name] for key, (group, name) in plan.vectors.items()}
    columns.setdefault(TASK, np.zeros(len(frames), np.int64))
    return columns | {
        ACTION: np.concatenate([episode.actions, episode.actions[-1:]]),
        TIMESTAMP: time_stamps(len(frames), fps),
        "frame_index": frames,
        "episode_index": np.full(len(frames), index),
        "index": first + frames,
    }


def time_stamps(length: int, fps: float) -> np.ndarray:
    """(N,) seconds, as LeRobot counts them."""
    return (np.arange(length) / fps).astype(np.float32)


def described(plan: Outgoing, spec: WorldSpec) -> dict[str, dict[str, Any]]:
    """Entries of ``features`` in meta/info.json, without those of cameras."""
    entries = {}
    for key, stream in plan.specs.items():
        # A vector of one number is told from a number by its name.
        names = [key] if stream.shape == (1,) else None
        shape = list(stream.shape or (1,))
        entries[key] = {"dtype": stream.dtype, "shape": shape, "names": names}
    names = spec.options.get("action_names", ())
    if len(names) == spec.action_dim:
        entries[ACTION]["names"] = list(names)
    return entries


def arrow_type(stream: StreamSpec) -> pa.DataType:
    """The column type of a stream: numbers, vectors of fixed length, nested lists."""
    import pyarrow as pa

    kind = pa.from_numpy_dtype(np.dtype(stream.dtype))
    if len(stream.shape) == 1 and stream.shape[0] > 1:
        return pa.list_(kind, stream.shape[0])
    for _ in stream.shape if stream.shape != (1,) else ():
        kind = pa.list_(kind)
    return kind


def arrow_column(values: np.ndarray, stream: StreamSpec) -> pa.Array:
    """(N, ...) values as a column."""
    import pyarrow as pa

    kind = arrow_type(stream)
    typed = np.ascontiguousarray(values, np.dtype(stream.dtype))
    if typed.ndim == 1 or stream.shape == (1,):
        return pa.array(typed.reshape(-1), kind)
    if typed.ndim == 2:
        flat = pa.array(typed.reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, typed.shape[1])
    return pa.array(typed.tolist(), kind)


def _is_picture(stream: StreamSpec) -> bool:
    return (
        stream.dtype == "uint8" and len(stream.shape) == 3 and stream.shape[2] in (1, 3)
    )


def _size(stream: StreamSpec) -> tuple[int, int, int]:
    """Grey pictures become pictures of three equal channels."""
    height, width, _ = stream.shape
    return height, width, 3


def _camera(stream: str) -> str:
    return CAMERAS + (stream.removeprefix("pixels_"))
