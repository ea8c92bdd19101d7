"""The T: where its sides are, how far a point is from it, how much two of them share.

The T is two rectangles, a bar and a stem, fixed in a frame of its own: the origin lies
in the middle of the bar's outer side, x along the bar and y along the stem, so that the
T of a picture stands upright at angle 0 (y points downwards). Numbers in that frame are
multiples of the T's *scale*, the thickness of both rectangles.

A *pose* is (..., 3): x and y of the origin in pixels, angle in radians.
"""

from __future__ import annotations

import numpy as np

BAR = ((-2.0, 0.0), (2.0, 1.0))
STEM = ((-0.5, 1.0), (0.5, 4.0))
BOXES = np.array([BAR, STEM])
"""(2, 2, 2) rectangle, low and high corner, x and y."""
OUTLINE = np.array(
    [(-2, 0), (2, 0), (2, 1), (0.5, 1), (0.5, 4), (-0.5, 4), (-0.5, 1), (-2, 1)],
    np.float64,
)
"""(8, 2) corners, with the inside on the right of every side in a picture."""
CENTRE = np.array([0.0, 1.5])
"""What a push turns the T around: the middle of the centres of bar and stem, as in
the original, and so a little below the true centre of mass."""
INERTIA = 10.0 / 3.0
"""Moment of inertia over mass and scale squared: twice that of the bar about the T's
origin, as in the original."""
AREA = 7.0
REACH = float(np.linalg.norm(OUTLINE - CENTRE, axis=-1).max())
"""Distance of the farthest corner from ``CENTRE``."""


def rotated(points: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(..., 2) points turned by angles (...), which broadcast."""
    c, s = np.cos(angle), np.sin(angle)
    x, y = points[..., 0], points[..., 1]
    return np.stack([c * x - s * y, s * x + c * y], -1)


def in_arena(points: np.ndarray, pose: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(B, N, 2) points of the T's frame in pixels.

    Args:
        points: (N, 2) or (B, N, 2) in multiples of the scale.
        pose: (B, 3).
        scale: (B,) pixels.
    """
    turned = rotated(points * scale[:, None, None], pose[:, None, 2])
    return pose[:, None, :2] + turned


def centre_of(pose: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(B, 2) what the T turns around, pixels, from poses (B, 3) and scales (B,)."""
    return in_arena(CENTRE[None], pose, scale)[:, 0]


def in_frame(points: np.ndarray, pose: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(B, N, 2) points (B, N, 2) of the arena in the T's frame, in multiples."""
    away = points - pose[:, None, :2]
    return rotated(away, -pose[:, None, 2]) / scale[:, None, None]


def gap(points: np.ndarray, pose: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(B, N) signed distance of points (B, N, 2) to the T, pixels; negative inside.

    Inside it is the depth in that rectangle in which the point is deeper.
    """
    local = in_frame(points, pose, scale)[..., None, :]
    low, high = BOXES[:, 0], BOXES[:, 1]
    beyond = np.maximum(low - local, local - high)
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=-1)
    distance = outside + np.minimum(beyond.max(-1), 0.0)
    return distance.min(-1) * scale[:, None]


def coverage(pose: np.ndarray, other: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(...) share of the T at ``other`` that the T at ``pose`` covers, exactly.

    The outline of one is cut to each rectangle of the other: points are added where a
    side crosses a border, and all points beyond a border are moved onto it. What was
    outside thus shrinks to a line on the border, which has no area.

    Args:
        pose: (..., 3).
        other: (..., 3), broadcast against it.
        scale: (...) pixels, broadcast against both.
    """
    turn = pose[..., 2] - other[..., 2]
    away = rotated(pose[..., :2] - other[..., :2], -other[..., 2])
    origin = away / np.asarray(scale)[..., None]
    outline = origin[..., None, :] + rotated(OUTLINE, turn[..., None])
    shared = sum(_area_within(outline, low, high) for low, high in BOXES)
    return np.asarray(shared) / AREA


def _area_within(outline: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(...) area of polygons (..., N, 2) inside an upright rectangle."""
    for axis in (0, 1):
        outline = _cut(outline, axis, low[axis], high[axis])
    x, y = outline[..., 0], outline[..., 1]
    after_x, after_y = np.roll(x, -1, -1), np.roll(y, -1, -1)
    return np.abs((x * after_y - after_x * y).sum(-1)) / 2.0


def _cut(outline: np.ndarray, axis: int, low: float, high: float) -> np.ndarray:
    """(..., 3N, 2) polygons whose part beyond two borders is flattened onto them."""
    side = np.roll(outline, -1, -2) - outline
    along, start = side[..., axis], outline[..., axis]
    safe = np.where(np.abs(along) < 1e-12, 1e-12, along)
    borders = np.stack([(low - start) / safe, (high - start) / safe], -1)
    times = np.sort(np.clip(borders, 0.0, 1.0), -1)
    points = outline[..., None, :] + times[..., None] * side[..., None, :]
    points = np.concatenate([outline[..., None, :], points], -2)
    points[..., axis] = np.clip(points[..., axis], low, high)
    return points.reshape(*outline.shape[:-2], -1, 2)
