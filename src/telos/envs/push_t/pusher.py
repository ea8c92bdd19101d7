"""Where to push a T so that it comes to a pose, and how to get there.

The T has no friction and moves only while it is pushed. A push at a point, along the
inward normal d there, moves the centre along d and turns the T by m / I per pixel,
where m is the lever of the push about the centre and I the inertia over the mass.
Errors of place and angle are weighed as the T's own inertia weighs speeds,
|e|^2 + I turn^2. The error that the best push at a point takes away is then the
projection of the error on the unit motion of that push, in pixels:
(e . d + turn m) / sqrt(1 + m^2 / I).
"""

from __future__ import annotations

import numpy as np

from telos.envs.push_t.measure import wrapped
from telos.envs.push_t.physics import ARENA
from telos.envs.push_t.shape import (
    CENTRE,
    INERTIA,
    OUTLINE,
    REACH,
    centre_of,
    gap,
    in_arena,
    rotated,
)

SPACING = 0.5
"""Of the points that are pushed at, scales."""
STAND_OFF = 8.0
"""Room between the agent and the T where a push begins, pixels."""
LINED_UP = 8.0
"""A push begins when the agent is this near to the line of the push, pixels."""
STROKE = 30.0
"""Longest push before the next decision, pixels."""
SETTLING, LOYALTY = 200.0, 2.0
"""A push is worth the error that it takes away per pixel of the way to its point, of
which this many come on top, and this many times more at the point chosen before."""
RING = 10.0
"""Room that the way around the T leaves, pixels."""
BEND = 0.6
"""Part of the way around the T that is aimed at, radians."""
TOUCH = 2.0
"""A way is free where the agent overlaps the T by no more than this, pixels."""
SAMPLES = np.linspace(0.0, 0.9, 16)
"""Where along a way that is looked at."""


def _points() -> tuple[np.ndarray, np.ndarray]:
    """(C, 2) points of the T's outline in scales, and (C, 2) outward normals."""
    points, normals = [], []
    for start, end in zip(OUTLINE, np.roll(OUTLINE, -1, 0), strict=True):
        length = float(np.linalg.norm(end - start))
        along = (end - start) / length
        for at in np.arange(SPACING / 2, length, SPACING):
            points.append(start + at * along)
            # The inside is on the right of every side, where y points downwards.
            normals.append([along[1], -along[0]])
    return np.array(points), np.array(normals)


POINTS, NORMALS = _points()


class Pusher:
    """Pushes the T of B environments; remembers from step to step what it was at."""

    def __init__(self, scale: np.ndarray, radius: np.ndarray) -> None:
        """Take scales (B,) of the T and radii (B,) of the agent, pixels."""
        self._scale, self._radius = scale, radius
        self._inertia = INERTIA * scale**2
        self._touching = POINTS + NORMALS * (radius / scale)[:, None, None]
        frame = np.zeros((len(scale), 3))
        room = gap(in_arena(self._touching, frame, scale), frame, scale)
        self._reachable = room > radius[:, None] - 0.5
        self._lever = _cross((POINTS - CENTRE) * scale[:, None, None], -NORMALS)
        self._norm = np.sqrt(1.0 + self._lever**2 / self._inertia[:, None])
        self._chosen = np.full(len(scale), -1)
        self._side = np.zeros(len(scale))

    def error(self, pose: np.ndarray, aim: np.ndarray) -> np.ndarray:
        """(B,) what is left to do from poses (B, 3) to aims (B, 3), pixels."""
        away, turn = self._errors(pose, aim)
        return np.sqrt((away**2).sum(-1) + self._inertia * turn**2)

    def push(self, agent: np.ndarray, pose: np.ndarray, aim: np.ndarray) -> np.ndarray:
        """(B, 2) where the agent should go now so that the T comes to its aim.

        Args:
            agent: (B, 2) pixels.
            pose: (B, 3) of the T.
            aim: (B, 3) pose that is wanted.
        """
        gains = self._gains(pose, aim)
        outward = rotated(np.broadcast_to(NORMALS, self._touching.shape), pose[:, 2:])
        touching = in_arena(self._touching, pose, self._scale)
        begin = touching + STAND_OFF * outward
        self._choose(gains, begin, agent)
        rows = np.arange(len(agent)), self._chosen
        normal, contact = outward[rows], touching[rows]
        off = agent - contact
        beside, before = _cross(normal, off), (normal * off).sum(-1)
        begun = (before > -self._radius) & (before < STAND_OFF + LINED_UP)
        ready = begun & (np.abs(beside) < LINED_UP)
        stroke = np.clip(gains[rows] * self._norm[rows], 0.0, STROKE)
        onward = contact - stroke[:, None] * normal
        approach = self.go(agent, pose, begin[rows])
        return np.where(np.expand_dims(ready, -1), onward, approach)

    def go(self, agent: np.ndarray, pose: np.ndarray, place: np.ndarray) -> np.ndarray:
        """(B, 2) where the agent should go now to come to a place around the T."""
        way = agent[:, None] + SAMPLES[:, None] * (place - agent)[:, None]
        room = gap(way, pose, self._scale) - self._radius[:, None]
        free = np.all(room > -TOUCH, axis=-1)
        around = self._around(agent, pose, place)
        self._side = np.where(free, 0.0, self._side)
        return np.where(free[:, None], place, around)

    def _errors(
        self, pose: np.ndarray, aim: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(B, 2) in the T's frame, pixels, and (B,) radians."""
        away = centre_of(aim, self._scale) - centre_of(pose, self._scale)
        return rotated(away, -pose[:, 2]), wrapped(aim[:, 2] - pose[:, 2])

    def _gains(self, pose: np.ndarray, aim: np.ndarray) -> np.ndarray:
        """(B, C) error that the best push at each point takes away, pixels."""
        away, turn = self._errors(pose, aim)
        gains = -(away @ NORMALS.T) + turn[:, None] * self._lever
        return np.where(self._reachable, gains / self._norm, -np.inf)

    def _choose(self, gains: np.ndarray, begin: np.ndarray, agent: np.ndarray) -> None:
        """Decide at which point to push, in view of the way there."""
        way = np.linalg.norm(begin - agent[:, None], axis=-1)
        outside = (np.abs(begin - ARENA / 2) > ARENA / 2).any(-1)
        loyalty = np.ones_like(gains)
        rows = np.flatnonzero(self._chosen >= 0)
        loyalty[rows, self._chosen[rows]] = LOYALTY
        worth = loyalty * gains / (SETTLING + way)
        self._chosen = np.where(outside, -np.inf, worth).argmax(-1)

    def _around(
        self, agent: np.ndarray, pose: np.ndarray, place: np.ndarray
    ) -> np.ndarray:
        """(B, 2) next point of the way on a ring around the T, the shorter side."""
        centre = centre_of(pose, self._scale)
        ring = REACH * self._scale + self._radius + RING
        here, there = _polar(agent - centre), _polar(place - centre)
        shorter = np.where(wrapped(there - here) < 0, -1.0, 1.0)
        inside = [self._on_ring(centre, ring, here + s * BEND)[1] for s in (-1.0, 1.0)]
        blocked = ~np.where(shorter > 0, inside[1], inside[0])
        other = np.where(shorter > 0, inside[0], inside[1])
        side = np.where(blocked & other, -shorter, shorter)
        self._side = np.where(self._side == 0, side, self._side)
        out = np.linalg.norm(agent - centre, axis=-1) / ring
        bend = self._side * BEND * np.clip((out - 0.75) / 0.15, 0.0, 1.0)
        return np.clip(self._on_ring(centre, ring, here + bend)[0], 0.0, ARENA)

    def _on_ring(
        self, centre: np.ndarray, ring: np.ndarray, angle: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(B, 2) points of the ring, and (B,) whether they are in the arena."""
        way = np.stack([np.cos(angle), np.sin(angle)], -1)
        points = centre + ring[:, None] * way
        return points, np.all((points > 0) & (points < ARENA), axis=-1)


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(...) how far the second of two (..., 2) points to the side of the first."""
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def _polar(offset: np.ndarray) -> np.ndarray:
    return np.arctan2(offset[..., 1], offset[..., 0])
