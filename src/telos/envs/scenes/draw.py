"""Shapes onto images: every edge is one pixel wide and nothing reaches further.

What is covered entirely is covered without a trace, whatever lies under it: this is
what makes two clips equal to the last bit while what tells them apart is out of sight.
"""

from __future__ import annotations

import numpy as np

WIDE = 1.0
"""Half the base of a triangle, in radii."""
LOW, HIGH = -0.9, 1.0
"""Of a triangle: base and tip, in radii from the centre."""
SQUARE = 0.886
"""Half the side of a square, in radii: as large as a disc."""


def box_cover(
    columns: np.ndarray, rows: np.ndarray, box: np.ndarray, pixel: float
) -> np.ndarray:
    """Shares of pixels that boxes cover.

    Args:
        columns: (..., S) x of the middles of columns.
        rows: (..., S) y of the middles of rows.
        box: (..., 4) left, right, bottom, top; broadcasts against the others.
        pixel: Side of a pixel, in the same unit.

    Returns:
        (..., S, S), float32.
    """
    left, right, bottom, top = np.moveaxis(box[..., None], -2, 0)
    across = _overlap(columns, left, right, pixel)
    along = _overlap(rows, bottom, top, pixel)
    return along[..., :, None] * across[..., None, :]


def _overlap(
    at: np.ndarray, low: np.ndarray, high: np.ndarray, pixel: float
) -> np.ndarray:
    half = pixel / 2
    shared = np.minimum(high, at + half) - np.maximum(low, at - half)
    # Without the tolerance, rounding leaves 1e-16 of what is under a covered pixel.
    share = np.clip(shared / pixel, 0.0, 1.0)
    return np.where(share > 1 - 1e-6, 1.0, share).astype(np.float32)


def body_cover(
    dx: np.ndarray, dy: np.ndarray, radius: np.ndarray, shape: np.ndarray
) -> np.ndarray:
    """Shares of pixels that bodies cover, 0 beyond half a pixel from their edge.

    Args:
        dx: (B, ..., 1, P) from the centre of the body to that of a pixel, in pixels.
        dy: (B, ..., P, 1) the same upwards.
        radius: (B,) in pixels.
        shape: (B,) number in ``SHAPES``.
    """
    ones = (1,) * (dx.ndim - 1)
    radius, shape = radius.reshape(-1, *ones), shape.reshape(-1, *ones)
    across = np.abs(dx)
    disc = radius - np.sqrt(dx * dx + dy * dy)
    square = SQUARE * radius - np.maximum(across, np.abs(dy))
    rise, norm = HIGH - LOW, float(np.hypot(HIGH - LOW, WIDE))
    slope = (WIDE * (HIGH * radius - dy) - rise * across) / norm
    # Two edges that meet at a sharp angle would reach further than half a pixel.
    frame = radius - np.maximum(across, np.abs(dy))
    triangle = np.minimum(np.minimum(dy - LOW * radius, slope), frame)
    inside = np.where(shape == 0, disc, np.where(shape == 1, square, triangle))
    return np.clip(0.5 + inside, 0.0, 1.0)


def blend(image: np.ndarray, cover: np.ndarray, colour: np.ndarray) -> None:
    """Lay a colour over (..., 3) float images in place, by shares (...)."""
    image += cover[..., None] * (colour - image)
