"""Observations from files: an image, arrays, or a frame of a recorded episode."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.agent.shrinking import COLOURS, shrunk
from telos.data.store import EpisodeFile
from telos.envs.world import StreamSpec
from telos.types import Encoder, Streams

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
ARRAYS = ".npz"
_FRAME = re.compile(r"(?P<path>.+\.(?:h5|hdf5)):(?P<episode>\d+):(?P<frame>-?\d+)")
KINDS = (
    "an image (now.png), arrays of all streams (now.npz) or a frame of an episode "
    "(demo.h5:12:80)"
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an agent looks at."""

    streams: Mapping[str, StreamSpec]
    """As they were recorded."""
    history: int = 1
    """Frames that are seen together."""
    frame_skip: int = 1
    """Environment steps between them."""
    resize: bool = False
    """Whether larger pictures of the same aspect are made as small as the streams."""


def names_frames(text: str) -> bool:
    """Whether a text names a file that observations are read from."""
    suffix = Path(text).suffix.lower()
    return suffix in (*IMAGES, ARRAYS) or _FRAME.fullmatch(text) is not None


def read_frames(text: str, seen: Seen) -> list[Streams]:
    """What was observed, oldest first, at most as many frames as are seen together.

    Args:
        text: An image, for agents that see one image and nothing else; an ``.npz`` file
            with an array per stream, of one frame or of several; or
            FILE.h5:EPISODE:FRAME, frames counted from 0 or, with a minus, from the end.
        seen: What the agent looks at.

    Returns:
        Frames of (1, ...) streams.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it lacks a stream, or one has another shape; with ``seen.resize``
            pictures may be larger, see `telos.agent.shrinking`.
    """
    frame = _FRAME.fullmatch(text)
    if frame is not None:
        path, episode = Path(frame["path"]), int(frame["episode"])
        return _of_episode(path, episode, int(frame["frame"]), seen)
    path = Path(text)
    if not names_frames(text):
        raise ValueError(f"{text!r} is no observation; expected {KINDS}")
    if not path.is_file():
        raise FileNotFoundError(f"no file {text!r}; check the path")
    if path.suffix.lower() == ARRAYS:
        return _of_arrays(path, seen)
    return [_of_image(path, seen)]


def encode(
    encoder: Encoder, frames: Sequence[Streams], device: torch.device | str = "cpu"
) -> Float[Tensor, "B T D"]:
    """Frames of (B, ...) streams, oldest first, as states."""
    stacked = {
        name: np.stack([frame[name] for frame in frames], axis=1) for name in frames[0]
    }
    streams = {name: torch.from_numpy(v).to(device) for name, v in stacked.items()}
    with torch.no_grad():
        return encoder.encode(streams)


def _of_image(path: Path, seen: Seen) -> Streams:
    images = [name for name, s in seen.streams.items() if len(s.shape) == 3]
    if len(images) != 1 or len(seen.streams) != 1:
        raise ValueError(
            f"the run sees {', '.join(seen.streams)}, and {str(path)!r} is one image; "
            "give arrays of all streams (.npz) or a frame of an episode (demo.h5:12:80)"
        )
    (name,) = images
    channels = seen.streams[name].shape[2]
    return {name: _fitted(_read_image(path, channels)[None], name, seen, path)}


def _read_image(path: Path, channels: int) -> np.ndarray:
    """(H, W, C) uint8."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError) as problem:
        raise ValueError(f"{str(path)!r} is not an image: {problem}") from None
    return pixels.reshape(*pixels.shape[:2], -1)


def _of_arrays(path: Path, seen: Seen) -> list[Streams]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (BadZipFile, OSError, ValueError) as problem:
        raise ValueError(f"{str(path)!r} cannot be read: {problem}") from None
    rows = {}
    for name, stream in seen.streams.items():
        _require(name, arrays, path)
        values = arrays[name]
        several = values.ndim == len(stream.shape) + 1
        rows[name] = _fitted(values if several else values[None], name, seen, path)
    if len(counts := {len(values) for values in rows.values()}) > 1:
        raise ValueError(
            f"the streams of {str(path)!r} have {sorted(counts)} frames; expected as "
            "many of each"
        )
    (count,) = counts
    return [_row(rows, row) for row in range(max(0, count - seen.history), count)]


def _of_episode(path: Path, number: int, frame: int, seen: Seen) -> list[Streams]:
    file = EpisodeFile(path)
    if number >= file.num_episodes:
        raise ValueError(
            f"{str(path)!r} has episodes 0 to {file.num_episodes - 1}, not {number}"
        )
    for name in seen.streams:
        _require(name, file.spec.streams, path)
    length = int(file.lengths[number])
    at = frame if frame >= 0 else length + frame
    if not 0 <= at < length:
        raise ValueError(
            f"episode {number} of {str(path)!r} has frames 0 to {length - 1}, not "
            f"{frame}"
        )
    episode = file.load([number], streams=list(seen.streams)).episode(0)
    rows = {
        name: _fitted(episode.observations[name], name, seen, path)
        for name in seen.streams
    }
    earlier = range(at, -1, -seen.frame_skip)[: seen.history]
    return [_row(rows, row) for row in reversed(earlier)]


def _row(rows: Streams, row: int) -> Streams:
    return {name: values[row : row + 1] for name, values in rows.items()}


def _require(name: str, found: Mapping[str, object], path: Path) -> None:
    if name not in found:
        raise ValueError(
            f"{str(path)!r} has no {name!r}, which the run sees; it has "
            f"{', '.join(found) or 'nothing'}"
        )


def _fitted(values: np.ndarray, name: str, seen: Seen, path: Path) -> np.ndarray:
    """Rows of a stream as the run was trained with them."""
    stream, where = seen.streams[name], f"{name!r} of {str(path)!r}"
    if _another_size(values, stream):
        height, width, _ = stream.shape
        if not seen.resize:
            raise ValueError(
                f"{where} is {values.shape[2]} x {values.shape[1]} pixels; the run "
                f"sees {width} x {height}: give a frame of that size, cropped and "
                "scaled as the recording was, or have a larger one of that aspect "
                "resized (telos plan --resize, in Python Seen(resize=True))"
            )
        values = shrunk(values, (height, width), where)
    return _checked(values, where, stream)


def _another_size(values: np.ndarray, stream: StreamSpec) -> bool:
    """Whether both are pictures of as many colours, and only their size differs."""
    shape = tuple(stream.shape)
    return (
        np.dtype(stream.dtype) == values.dtype == np.uint8
        and values.ndim == 4
        and len(shape) == 3
        and values.shape[3] == shape[2]
        and shape[2] in COLOURS
        and values.shape[1:3] != shape[:2]
    )


def _checked(values: np.ndarray, where: str, stream: StreamSpec) -> np.ndarray:
    if values.shape[1:] != tuple(stream.shape):
        raise ValueError(
            f"{where} has shape {values.shape[1:]}, the run was trained with "
            f"{tuple(stream.shape)}"
        )
    if np.dtype(stream.dtype) == np.uint8 and values.dtype != np.uint8:
        raise ValueError(
            f"{where} is {values.dtype}, the run was trained with uint8 (0 to 255)"
        )
    return values.astype(stream.dtype, copy=False)
