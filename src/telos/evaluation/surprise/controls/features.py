"""Frozen features of single frames, for controls that look at no frame beside them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

Features = Callable[[UInt8[np.ndarray, "N H W 3"]], Float[np.ndarray, "N D"]]
"""One row per frame, of that frame alone."""

GRID = 8
"""Blocks per side that pixels are averaged in."""


def block_pixels(frames: UInt8[np.ndarray, "N H W 3"]) -> Float[np.ndarray, "N D"]:
    """Mean colour of blocks, 8 by 8 of them, in [0, 1]."""
    height, width = frames.shape[1:3]
    rows = np.linspace(0, height, min(GRID, height) + 1).astype(int)
    columns = np.linspace(0, width, min(GRID, width) + 1).astype(int)
    sums = np.add.reduceat(frames.astype(np.float64), rows[:-1], axis=1)
    sums = np.add.reduceat(sums, columns[:-1], axis=2)
    areas = np.outer(np.diff(rows), np.diff(columns))[None, :, :, None]
    return (sums / areas / 255).reshape(len(frames), -1)


class RandomFeatures:
    """Patches through random directions and a ReLU, averaged over quarters.

    An encoder that has learned nothing, and yet sees shape and colour.

    Args:
        seed: Decides the directions.
        width: Numbers per quarter.
        patch: Side of a patch, pixels.
    """

    def __init__(self, seed: int = 0, width: int = 32, patch: int = 4) -> None:
        rng = np.random.default_rng(seed)
        self._patch = patch
        self._weights = rng.normal(size=(patch * patch * 3, width)) / patch
        self._bias = rng.normal(size=width)

    def __call__(
        self, frames: UInt8[np.ndarray, "N H W 3"]
    ) -> Float[np.ndarray, "N D"]:
        """(N, 4 * width) features; a side under two patches is refused."""
        count, height, width = frames.shape[:3]
        rows, columns = height // self._patch, width // self._patch
        if min(rows, columns) < 2:
            raise ValueError(
                f"frames of {height} x {width} pixels are too small for patches of "
                f"{self._patch}: expected at least {2 * self._patch}"
            )
        cut = frames[:, : rows * self._patch, : columns * self._patch] / 255.0 - 0.5
        tiles = cut.reshape(count, rows, self._patch, columns, self._patch, 3)
        flat = tiles.transpose(0, 1, 3, 2, 4, 5).reshape(count, rows, columns, -1)
        seen = np.maximum(flat @ self._weights + self._bias, 0)
        halves = [
            np.array_split(part, 2, axis=2) for part in np.array_split(seen, 2, 1)
        ]
        quarters = [quarter.mean(axis=(1, 2)) for half in halves for quarter in half]
        return np.concatenate(quarters, axis=1)


def clip_features(
    features: Features, clips: UInt8[np.ndarray, "B T H W 3"]
) -> Float[np.ndarray, "B T D"]:
    """Features of every frame of clips."""
    flat = features(clips.reshape(-1, *clips.shape[2:]))
    return np.asarray(flat, np.float64).reshape(*clips.shape[:2], -1)
