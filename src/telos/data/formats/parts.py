"""What a recording stores per frame, and the streams and labels that it becomes.

A format describes its arrays as parts; here they are sorted into streams and labels,
and read block by block, so that no more than one episode is ever in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np

from telos.data.formats.resize import resize
from telos.data.formats.source import Wanted
from telos.envs.world import StreamSpec

BLOCK_BYTES = 16 * 2**20
"""Bytes of one part that are read at a time."""
EPISODE_BYTES = 4 * 2**30
"""Bytes of one episode, images resized, from which it is refused."""
LARGEST_LABEL = 16_384
"""Numbers per frame above which an array becomes neither state nor label."""
LARGEST_TABLE = 256
"""The same for an array of more than one dimension that would be state."""
SMALLEST_GRAY = 32
"""Height and width from which (H, W) uint8 is taken for a gray image."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One array of a recording, with a row per frame or per action."""

    name: str
    place: str
    """Where the format keeps it, for its reader."""
    shape: tuple[int, ...]
    """Of one row."""
    dtype: str
    with_action: bool = False
    """Row t tells what action t led to, so it belongs to frame t + 1; frame 0 gets
    zeros."""

    @property
    def size(self) -> int:
        """Numbers per row."""
        return prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A stream or a label of `telos`, and the parts that it is made of."""

    spec: StreamSpec
    parts: tuple[Part, ...]
    kind: Literal["image", "vector", "plain"]
    """``image`` is resized; ``vector`` joins the numbers of its parts as float32;
    ``plain`` is one part as it stands."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """All streams and labels of a recording."""

    streams: Mapping[str, Stream]
    labels: Mapping[str, Stream]
    left_out: tuple[str, ...] = field(default=())
    """Names of what `telos` has no use for."""

    def parts(self) -> list[Part]:
        """Everything that must be read."""
        chosen = (*self.streams.values(), *self.labels.values())
        return [part for stream in chosen for part in stream.parts]


Rows = Callable[[Part, int, int], np.ndarray]
"""(part, first, stop) -> the stored rows [first, stop) of an episode. Each part is
asked for front to back, without gaps."""


def is_number(part: Part) -> bool:
    """Whether a part consists of numbers or truth values, at least one per row."""
    return np.dtype(part.dtype).kind in "biuf" and part.size > 0


def is_picture(part: Part, smallest: int = 1) -> bool:
    """Whether a part holds colour or gray images of at least ``smallest`` pixels."""
    if part.dtype != "uint8" or len(part.shape) not in (2, 3):
        return False
    if len(part.shape) == 2:
        smallest = max(smallest, SMALLEST_GRAY)
    elif part.shape[2] not in (1, 3):
        return False
    return min(part.shape[:2]) >= smallest


def fits_state(part: Part) -> bool:
    """Whether a part is a vector, or a small table, that can be joined into a state."""
    limit = LARGEST_LABEL if len(part.shape) <= 1 else LARGEST_TABLE
    return is_number(part) and part.size <= limit


def fits_label(part: Part) -> bool:
    """Whether a part is small enough to be kept as a label."""
    return is_number(part) and part.size <= LARGEST_LABEL


def is_goal(part: Part) -> bool:
    """Whether a part says by its name that it is a goal, wanted or reached."""
    return "goal" in part.name.rpartition(".")[2]


def image_stream(part: Part, size: tuple[int, int] | None) -> Stream:
    """A part of images as (H, W, 3), resized where asked for."""
    height, width = size or part.shape[:2]
    spec = StreamSpec(shape=(height, width, 3), dtype="uint8")
    return Stream(spec=spec, parts=(part,), kind="image")


def plain_stream(part: Part) -> Stream:
    """A part as it stands."""
    spec = StreamSpec(shape=part.shape, dtype=part.dtype)
    return Stream(spec=spec, parts=(part,), kind="plain")


def streams_of(
    pictures: Iterable[Part], measured: Iterable[Part], wanted: Wanted
) -> dict[str, Stream]:
    """Streams from images and from what the robot measures of itself.

    One camera is called ``pixels``, several ``pixels_<camera>``; all measurements
    together are ``state``.
    """
    cameras = tuple(pictures)
    streams = {
        name: image_stream(part, wanted.image_size)
        for name, part in zip(_camera_names(cameras), cameras, strict=True)
    }
    parts = tuple(measured)
    if parts:
        spec = StreamSpec(shape=(sum(p.size for p in parts),), dtype="float32")
        streams["state"] = Stream(spec=spec, parts=parts, kind="vector")
    return streams


def choose(path: Path, streams: Mapping[str, Stream], wanted: Wanted) -> dict:
    """The streams that are wanted.

    Raises:
        ValueError: If there are none at all, or one that is wanted does not exist.
    """
    if not streams:
        raise ValueError(
            f"{path} holds no observations that telos reads; it needs RGB images "
            "(H, W, 3) uint8, or vectors of numbers"
        )
    names = tuple(streams) if wanted.streams is None else wanted.streams
    unknown = sorted(set(names) - set(streams))
    if unknown or not names:
        raise ValueError(
            f"{path} has no observation streams {unknown}; it has {sorted(streams)}"
        )
    return {name: streams[name] for name in names}


def state_parts(layout: Layout) -> list[dict[str, object]]:
    """What a joined state consists of, in order, for the spec's options."""
    return [
        {"name": part.name, "shape": list(part.shape)}
        for stream in layout.streams.values()
        if stream.kind == "vector"
        for part in stream.parts
    ]


def read_streams(
    streams: Mapping[str, Stream], rows: Rows, frames: int
) -> dict[str, np.ndarray]:
    """Read all frames of an episode, a block at a time.

    Raises:
        ValueError: If stored rows have another shape or type than their part.
    """
    return {name: _read(stream, rows, frames) for name, stream in streams.items()}


def check_size(layout: Layout, frames: int) -> None:
    """Refuse an episode that would not fit into memory.

    Raises:
        ValueError: If it would take more than `EPISODE_BYTES`.
    """
    chosen = (*layout.streams.values(), *layout.labels.values())
    row = sum(prod(s.spec.shape) * np.dtype(s.spec.dtype).itemsize for s in chosen)
    if row * frames > EPISODE_BYTES:
        raise ValueError(
            f"its {frames} frames would take {row * frames / 2**30:.1f} GiB of memory, "
            f"more than {EPISODE_BYTES / 2**30:.0f} GiB; ask for smaller images or "
            "fewer streams"
        )


def _read(stream: Stream, rows: Rows, frames: int) -> np.ndarray:
    out = np.empty((frames, *stream.spec.shape), stream.spec.dtype)
    row_bytes = max(p.size * np.dtype(p.dtype).itemsize for p in stream.parts)
    block = max(1, BLOCK_BYTES // max(row_bytes, 1))
    for first in range(0, frames, block):
        stop = min(first + block, frames)
        found = [_part_rows(part, rows, first, stop) for part in stream.parts]
        out[first:stop] = _converted(stream, found)
    return out


def _part_rows(part: Part, rows: Rows, first: int, stop: int) -> np.ndarray:
    if not part.with_action:
        return _checked(part, rows(part, first, stop), stop - first)
    if first > 0:
        return _checked(part, rows(part, first - 1, stop - 1), stop - first)
    before = np.zeros((1, *part.shape), part.dtype)
    after = _checked(part, rows(part, 0, stop - 1), stop - 1)
    return np.concatenate([before, after])


def _checked(part: Part, found: np.ndarray, count: int) -> np.ndarray:
    if found.shape != (count, *part.shape) or found.dtype != np.dtype(part.dtype):
        raise ValueError(
            f"{part.name} has rows of shape {found.shape} and dtype {found.dtype}, "
            f"expected {(count, *part.shape)} and {part.dtype} as in the first episode"
        )
    return found


def _converted(stream: Stream, found: Sequence[np.ndarray]) -> np.ndarray:
    if stream.kind == "plain":
        return found[0]
    if stream.kind == "vector":
        flat = [rows.reshape(len(rows), -1).astype(np.float32) for rows in found]
        return np.concatenate(flat, axis=1)
    colour = _colour(found[0])
    height, width, _ = stream.spec.shape
    return resize(colour, (height, width))


def _colour(images: np.ndarray) -> np.ndarray:
    """(T, H, W), (T, H, W, 1) or (T, H, W, 3) as (T, H, W, 3)."""
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[-1] == 3:
        return images
    return np.repeat(images, 3, axis=-1)


def _camera_names(cameras: Sequence[Part]) -> list[str]:
    """``agentview_image`` is the camera agentview, unless two would share a name."""
    if len(cameras) == 1:
        return ["pixels"]
    full = [part.name for part in cameras]
    short = [name.removesuffix("_image").removesuffix("_rgb") for name in full]
    distinct = len(set(short)) == len(short) and all(short)
    return [f"pixels_{name}" for name in (short if distinct else full)]


def specs(streams: Mapping[str, Stream]) -> dict[str, StreamSpec]:
    """The specs of streams, for a world's spec."""
    return {name: stream.spec for name, stream in streams.items()}


def row_bytes(layout: Layout) -> int:
    """Bytes of one frame as a recording holds it, uncompressed."""
    return sum(p.size * np.dtype(p.dtype).itemsize for p in layout.parts())
