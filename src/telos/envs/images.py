"""Resizing of rendered frames by area averaging."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

LARGEST_FACTOR = 16
"""Largest block whose sum of bytes fits into 16 bits."""


@lru_cache(maxsize=32)
def _coverage(source: int, target: int) -> np.ndarray:
    """(target, source) share that each source pixel has in each target pixel."""
    edges = np.linspace(0.0, source, target + 1)
    pixels = np.arange(source)
    low = np.maximum(edges[:-1, None], pixels[None])
    high = np.minimum(edges[1:, None], pixels[None] + 1)
    overlap = np.clip(high - low, 0.0, None)
    return (overlap / overlap.sum(1, keepdims=True)).astype(np.float32)


def area_resize(image: np.ndarray, size: int) -> np.ndarray:
    """Average an image down to a square, so that thin things fade but never vanish.

    Args:
        image: (H, W, C) uint8. Other aspect ratios are stretched.
        size: Side of the result in pixels.

    Returns:
        (size, size, C) uint8; every target pixel is the mean of the area it covers.

    Raises:
        ValueError: If the image is not (H, W, C) uint8.
    """
    if image.ndim != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"cannot resize an array of shape {image.shape} and dtype {image.dtype}: "
            "expected (H, W, C) uint8, for example from render_mode='rgb_array'."
        )
    if image.shape[:2] == (size, size):
        return image
    factor = image.shape[0] // size
    square = image.shape[:2] == (factor * size, factor * size)
    if square and factor <= LARGEST_FACTOR:
        return _block_mean(image, factor)
    return _weighted_mean(image, size)


def _block_mean(image: np.ndarray, factor: int) -> np.ndarray:
    """Mean over factor x factor blocks; sums of slices are fast and exact in uint16."""
    rows = image[::factor].astype(np.uint16)
    for i in range(1, factor):
        rows += image[i::factor]
    total = rows[:, ::factor].copy()
    for i in range(1, factor):
        total += rows[:, i::factor]
    return ((total + factor * factor // 2) // (factor * factor)).astype(np.uint8)


def _weighted_mean(image: np.ndarray, size: int) -> np.ndarray:
    height, width, channels = image.shape
    rows = _coverage(height, size) @ image.reshape(height, -1).astype(np.float32)
    rows = rows.reshape(size, width, channels)
    mean = np.einsum("xw,ywc->yxc", _coverage(width, size), rows, optimize=True)
    return np.rint(mean).astype(np.uint8)
