"""One file to frames: an image, arrays, or a recorded episode."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from telos.agent.seen import Seen
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
    return {name: _read_image(path, seen.streams[name].shape)[None]}


def _read_image(path: Path, shape: Sequence[int]) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L" if shape[2] == 1 else "RGB"))
    except (UnidentifiedImageError, OSError) as problem:
        raise ValueError(f"{str(path)!r} is not an image: {problem}") from None
    height, width = pixels.shape[:2]
    if (height, width) != tuple(shape[:2]):
        raise ValueError(
            f"the image {str(path)!r} is {width} x {height} pixels; the run sees "
            f"{shape[1]} x {shape[0]}: give a frame of that size, cropped and "
            "scaled as the recording was"
        )
    return pixels.reshape(height, width, shape[2])


def _of_arrays(path: Path, seen: Seen) -> list[Streams]:
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
        rows[name] = _checked(values if several else values[None], name, stream, path)
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
        name: _checked(episode.observations[name], name, seen.streams[name], path)[
            earlier
        ]
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


def _checked(
    values: np.ndarray, name: str, stream: StreamSpec, path: Path
) -> np.ndarray:
    if values.shape[1:] != tuple(stream.shape):
        raise ValueError(
            f"{name!r} of {str(path)!r} has shape {values.shape[1:]}, the run was "
            f"trained with {tuple(stream.shape)}"
        )
    if np.dtype(stream.dtype) == np.uint8 and values.dtype != np.uint8:
        raise ValueError(
            f"{name!r} of {str(path)!r} is {values.dtype}, the run was trained with "
            "uint8 (0 to 255)"
        )
    return values.astype(stream.dtype, copy=False)
