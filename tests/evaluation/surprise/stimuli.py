"""A square that passes behind a wall, or does not: exact quadruplets in a few lines."""

from __future__ import annotations

import numpy as np

FRAMES, SIDE, EVENT = 16, 16, 8
HIDDEN = range(6, 11)
"""Frames on which the square, if there is one, is behind the wall."""


def half(seen: bool, frames: range, row: int, shade: int) -> np.ndarray:
    """(len(frames), SIDE, SIDE, 3): a wall, and a square unless it is hidden."""
    clip = np.full((len(frames), SIDE, SIDE, 3), 40, np.uint8)
    for at, frame in enumerate(frames):
        if seen and frame not in HIDDEN:
            left = frame if frame < EVENT else frame - 3
            clip[at, row : row + 3, left : left + 3] = (shade, 30, 200)
        clip[at, :, 6:10] = 120
    return clip


def permanence(count: int, seed: int = 0) -> np.ndarray:
    """(count, 4, T, H, W, 3) quadruplets P1, P2, I1, I2: something or nothing."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        row, shade = int(rng.integers(1, 12)), int(rng.integers(60, 255))
        before = [half(a, range(EVENT), row, shade) for a in (True, False)]
        after = [half(b, range(EVENT, FRAMES), row, shade) for b in (True, False)]
        members = [(0, 0), (1, 1), (0, 1), (1, 0)]
        out.append([np.concatenate([before[a], after[b]]) for a, b in members])
    return np.array(out, np.uint8)


def events(count: int) -> np.ndarray:
    return np.full(count, EVENT)


def visible(count: int) -> np.ndarray:
    """First frame on which a square that comes out shows."""
    return np.full(count, HIDDEN.stop)


class Remembers:
    """The tracker that understands: surprised if what went in does not come out."""

    def trace(self, clips: np.ndarray, memory: int | None = None) -> np.ndarray:
        blue = (clips[..., 2] == 200).any(axis=(2, 3)).astype(float)
        out = np.full(blue.shape, np.nan)
        for frame in range(1, clips.shape[1]):
            start = 0 if memory is None else max(0, frame - memory)
            seen = blue[:, start:frame].max(axis=1)
            late = 1.0 if frame >= HIDDEN.stop else 0.0
            out[:, frame] = 0.1 + late * np.abs(blue[:, frame] - seen)
        return out
