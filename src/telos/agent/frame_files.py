"""One file to frames: an image, arrays, or a recorded episode."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from telos.agent.seen import Seen
from telos.agent.shrinking import COLOURS, shrunk
from telos.data.store import EpisodeFile
from telos.envs.world import StreamSpec
from telos.types import Streams

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
ARRAYS = ".npz"
_FRAME = re.compile(r"(?P<path>.+\.(?:h5|hdf5)):(?P<episode>\d+):(?P<frame>-?\d+)")
KINDS = (
    "an image (now.png), arrays of streams (now.npz), a frame of an episode "
    "(demo.h5:12:80), or files by stream (front=now.png,proprio=now.npz)"
)


def is_frame_file(text: str) -> bool:
    """Whether a text names one file that observations are read from."""
    suffix = Path(text).suffix.lower()
    return suffix in (*IMAGES, ARRAYS) or _FRAME.fullmatch(text) is not None


def frames_of_file(text: str, seen: Seen) -> Streams:
    """Frames (N, ...) of those streams that a file shows, at least one."""
    frame = _FRAME.fullmatch(text)
    if frame is not None:
        path, episode = Path(frame["path"]), int(frame["episode"])
        return _of_episode(path, episode, int(frame["frame"]), seen)
    path = Path(text)
    if not is_frame_file(text):
        raise ValueError(f"{text!r} is no observation; expected {KINDS}")
    if not path.is_file():
        raise FileNotFoundError(f"no file {text!r}; check the path")
    if path.suffix.lower() == ARRAYS:
        return _of_arrays(path, seen)
    return _of_image(path, seen)


def _of_image(path: Path, seen: Seen) -> Streams:
    cameras = [name for name, s in seen.streams.items() if len(s.shape) == 3]
    if len(cameras) != 1:
        raise ValueError(
            f"the run sees {', '.join(seen.streams)}, and {str(path)!r} is one image; "
            f"say what it shows: {seen.example}"
        )
    (name,) = cameras
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


def _of_arrays(path: Path, seen: Seen) -> Streams:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (BadZipFile, OSError, ValueError) as problem:
        raise ValueError(f"{str(path)!r} cannot be read: {problem}") from None
    _require_any(seen, arrays, path)
    rows = {}
    for name, stream in seen.streams.items():
        if name not in arrays:
            continue
        values = arrays[name]
        several = values.ndim == len(stream.shape) + 1
        rows[name] = _fitted(values if several else values[None], name, seen, path)
    return rows


def _of_episode(path: Path, number: int, frame: int, seen: Seen) -> Streams:
    file = EpisodeFile(path)
    if number >= file.num_episodes:
        raise ValueError(
            f"{str(path)!r} has episodes 0 to {file.num_episodes - 1}, not {number}"
        )
    _require_any(seen, file.spec.streams, path)
    there = [name for name in seen.streams if name in file.spec.streams]
    length = int(file.lengths[number])
    at = frame if frame >= 0 else length + frame
    if not 0 <= at < length:
        raise ValueError(
            f"episode {number} of {str(path)!r} has frames 0 to {length - 1}, not "
            f"{frame}"
        )
    episode = file.load([number], streams=there).episode(0)
    earlier = [*range(at, -1, -seen.frame_skip)][: seen.history][::-1]
    return {
        name: _fitted(episode.observations[name][earlier], name, seen, path)
        for name in there
    }


def _require_any(seen: Seen, found: Iterable[str], path: Path) -> None:
    there = list(found)
    if not set(there) & set(seen.streams):
        wanted = " and no ".join(map(repr, seen.streams))
        raise ValueError(
            f"{str(path)!r} has no {wanted}, which the run sees; it has "
            f"{', '.join(there) or 'nothing'}"
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
