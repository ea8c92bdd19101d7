"""Shortest ways between two rooms, in closed form.

Seen from its centre, the agent is a point and the walls are grown by its radius. A
shortest way is then a polyline that bends only at the four corners of the door, so the
shortest of nine candidates is exact (Lozano-Perez and Wesley 1979).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from telos.envs.two_rooms import simulation as sim

_TOUCH = 1e-9
"""Tolerance for a way that touches a corner, pixels."""
_ROUNDING = 1 / 3
"""Share of a clearance that a corner may be cut by: one who stands on a corner that
rounding moved by a millionth of a pixel must see past it."""


@dataclass(frozen=True, kw_only=True)
class _Door:
    """The passage for the agent's centre; every field broadcasts against points."""

    left: np.ndarray
    right: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    slack: float


def path_length(
    start: np.ndarray, goal: np.ndarray, layouts: sim.Layouts, clearance: float = 0.0
) -> np.ndarray:
    """Length of the shortest collision-free way.

    Args:
        start: (B, ..., 2) pixels. A point inside the dividing wall counts as the
            nearest point on its face, so that decoded positions may be used.
        goal: (B, 2) pixels.
        layouts: Walls and doors of the B environments.
        clearance: Further distance kept from the dividing wall, pixels.

    Returns:
        (B, ...) pixels.
    """
    lengths, _ = _candidates(start, goal, layouts, clearance)
    return lengths.min(-1)


def next_corner(
    start: np.ndarray, goal: np.ndarray, layouts: sim.Layouts, clearance: float = 0.0
) -> np.ndarray:
    """(B, ..., 2) where the shortest way bends first; the goal where it is straight."""
    lengths, corners = _candidates(start, goal, layouts, clearance)
    best = lengths.argmin(-1)[..., None, None]
    return np.take_along_axis(corners, best, -2)[..., 0, :]


def _candidates(
    start: np.ndarray, goal: np.ndarray, layouts: sim.Layouts, clearance: float
) -> tuple[np.ndarray, np.ndarray]:
    """(B, ..., 9) lengths, infinite where blocked, and (B, ..., 9, 2) first bends."""
    extra = start.ndim - 2
    door = _passage(layouts, extra, clearance)
    goal = goal.reshape(len(goal), *([1] * extra), 2).astype(np.float64)
    start = _outside(start.astype(np.float64), door)
    goal = _outside(np.broadcast_to(goal, start.shape), door)
    leftward = start[..., 0] > goal[..., 0]
    near_x = np.where(leftward, door.right, door.left)
    far_x = np.where(leftward, door.left, door.right)
    sign = np.where(leftward, -1.0, 1.0)
    begin, end = sign * start[..., 0], sign * goal[..., 0]
    near_on = (begin <= sign * near_x) & (sign * near_x < end)
    far_on = (begin < sign * far_x) & (sign * far_x <= end)

    through = _clear(start, goal, near_x, near_on, door)
    through &= _clear(start, goal, far_x, far_on, door)
    lengths, bends = [_walk([start, goal], through)], [goal]
    ends = door.top, door.bottom
    for y in ends:
        near, far = _point(near_x, y, start), _point(far_x, y, start)
        open_far = _clear(near, goal, far_x, far_on, door)
        lengths.append(_walk([start, near, goal], near_on & open_far))
        open_near = _clear(start, far, near_x, near_on, door)
        lengths.append(_walk([start, far, goal], far_on & open_near))
        bends += [near, far]
        for other in ends:
            last = _point(far_x, other, start)
            lengths.append(_walk([start, near, last, goal], near_on & far_on))
            bends.append(near)
    return np.stack(lengths, -1), np.stack(bends, -2)


def _passage(layouts: sim.Layouts, extra: int, clearance: float) -> _Door:
    shape = (-1, *([1] * extra))
    wall, door = layouts.wall.reshape(shape), layouts.door.reshape(shape)
    half = sim.WALL_HALF + sim.RADIUS + clearance
    gap = sim.DOOR_HALF - sim.RADIUS - clearance
    return _Door(
        left=wall - half,
        right=wall + half,
        top=door - gap,
        bottom=door + gap,
        slack=_TOUCH + _ROUNDING * clearance,
    )


def _outside(points: np.ndarray, door: _Door) -> np.ndarray:
    """Points with those inside the dividing wall moved to its nearest face."""
    x, y = points[..., 0], points[..., 1]
    beside = (y < door.top - door.slack) | (y > door.bottom + door.slack)
    solid = (x > door.left) & (x < door.right) & beside
    face = np.where(x < (door.left + door.right) / 2, door.left, door.right)
    return np.stack([np.where(solid, face, x), y], -1)


def _point(x: np.ndarray, y: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.stack(np.broadcast_arrays(x, y, like[..., 0])[:2], -1)


def _walk(points: list[np.ndarray], free: np.ndarray) -> np.ndarray:
    legs = itertools.pairwise(points)
    total = np.sum([np.linalg.norm(b - a, axis=-1) for a, b in legs], axis=0)
    return np.where(free, total, np.inf)


def _clear(
    start: np.ndarray, goal: np.ndarray, x: np.ndarray, on: np.ndarray, door: _Door
) -> np.ndarray:
    """Whether a straight leg passes the mouth at x between the corners."""
    run = goal[..., 0] - start[..., 0]
    share = (x - start[..., 0]) / np.where(run == 0, 1.0, run)
    y = start[..., 1] + share * (goal[..., 1] - start[..., 1])
    return ~on | ((y >= door.top - door.slack) & (y <= door.bottom + door.slack))
