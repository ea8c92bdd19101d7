"""Consecutive rows of an episode file in memory, and its large frames as summaries.

Small rows (actions, states, labels) are kept as they are. Frames are read clip by clip
and leave behind a thumbnail and a few numbers each, so that memory does not grow with
the file or with the size of its images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from telos.data.checks.sampling import Places
from telos.data.recording import first_frames
from telos.data.schema import COMPRESS_FROM
from telos.data.store import EpisodeFile
from telos.envs.world import StreamSpec, WorldSpec

TIME = "labels/time"
"""Where a recording keeps the time of a frame, seconds."""
THUMBNAIL = 32
"""Shorter side of a thumbnail, pixels."""
DARK = 2.0
"""Deviation of brightness within a frame (of 255) below which it shows nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips:
    """C clips of N rows in all, one after the other."""

    places: Places
    actions: np.ndarray
    """(N, A) float32; NaN in the row of an episode's last frame."""
    columns: Mapping[str, np.ndarray]
    """Name in the file -> (N, ...): states, labels, time."""

    @property
    def starts(self) -> np.ndarray:
        """(C,) first row of each clip."""
        return first_frames(self.places.lengths)

    @property
    def clip_of(self) -> np.ndarray:
        """(N,) number of the clip of each row."""
        return np.repeat(np.arange(len(self.places.lengths)), self.places.lengths)

    @property
    def acts(self) -> np.ndarray:
        """(T, A) actions of all rows that have one."""
        return self.actions[self.has_action]

    @property
    def has_action(self) -> np.ndarray:
        """(N,) false for the last frames of episodes, which no action leaves."""
        return np.array(np.isfinite(self.actions).all(axis=1))

    def steps(self) -> np.ndarray:
        """Rows whose next row belongs to the same clip."""
        follows = np.ones(len(self.actions), bool)
        follows[self.starts + self.places.lengths - 1] = False
        return np.flatnonzero(follows)

    def place(self, row: int) -> tuple[int, int]:
        """(episode, frame within it) of a row."""
        clip = int(np.searchsorted(self.starts, row, side="right")) - 1
        within = int(row - self.starts[clip])
        return int(self.places.episodes[clip]), int(self.places.firsts[clip]) + within


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """What is left of the N frames of an image stream."""

    stream: str
    clips: Clips
    thumbnails: np.ndarray
    """(N, h, w, C) float16, box-averaged, 0 to 255."""
    colour: np.ndarray
    """(N, C) mean of each channel."""
    contrast: np.ndarray
    """(N,) deviation of brightness within the frame."""
    repeats: np.ndarray
    """(N,) whether a frame equals the one before it in every bit; not the first."""


def small_columns(spec: WorldSpec) -> dict[str, StreamSpec]:
    """Name in the file -> streams and labels with small rows, actions apart."""
    named = {f"observations/{name}": s for name, s in spec.streams.items()}
    named |= {f"labels/{name}": s for name, s in spec.labels.items()}
    return {name: s for name, s in named.items() if frame_bytes(s) < COMPRESS_FROM}


def frame_bytes(spec: StreamSpec) -> int:
    """Bytes of one row of a stream."""
    return int(np.prod(spec.shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize


def read_clips(file: EpisodeFile, places: Places) -> Clips:
    """Actions and small columns of some places."""
    ranges = places.ranges(file.starts)
    columns = {name: file.read(name, ranges) for name in small_columns(file.spec)}
    return Clips(places=places, actions=file.read("actions", ranges), columns=columns)


def read_frames(file: EpisodeFile, stream: str, clips: Clips) -> Frames:
    """Summaries of the frames of an image stream, read one clip at a time."""
    parts = [
        _summarised(file.read(f"observations/{stream}", [span]))
        for span in clips.places.ranges(file.starts)
    ]
    thumbnails, colour, contrast, repeats = zip(*parts, strict=True)
    return Frames(
        stream=stream,
        clips=clips,
        thumbnails=np.concatenate(thumbnails),
        colour=np.concatenate(colour),
        contrast=np.concatenate(contrast),
        repeats=np.concatenate(repeats),
    )


def thumbnail(frames: np.ndarray) -> np.ndarray:
    """(T, H, W, C) uint8 to (T, h, w, C) float16: means of equal boxes.

    What does not fill a box at the right and lower edge is left out.
    """
    count, height, width, channels = frames.shape
    box = max(min(height, width) // THUMBNAIL, 1)
    rows, columns = height // box, width // box
    cut = frames[:, : rows * box, : columns * box]
    boxes = cut.reshape(count, rows, box, columns, box, channels)
    # One axis at a time: whole rows are added first, which keeps the memory in order.
    tall = boxes.sum(axis=2, dtype=np.uint32)
    return (tall.sum(axis=3) / box**2).astype(np.float16)


def _summarised(
    frames: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Thumbnails, colours, contrasts and repeats of the frames of one clip."""
    small = thumbnail(frames)
    wide = small.astype(np.float32)
    brightness = wide.mean(axis=3).reshape(len(frames), -1)
    repeats = np.zeros(len(frames), bool)
    repeats[1:] = [np.array_equal(before, after) for before, after in pairwise(frames)]
    return small, wide.mean(axis=(1, 2)), brightness.std(axis=1), repeats
