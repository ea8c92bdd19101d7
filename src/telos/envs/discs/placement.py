"""Where an episode among discs starts, aims and must not go: from its seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telos.envs.point_mass import FLOOR

HALF_WAY = 0.75
"""Half the distance of start and target before they are shifted, metres."""
SHIFT = 0.08
"""Start and target are shifted by at most this along each axis, metres."""
RADII = (0.2, 0.3)
"""Radii of the one disc, metres."""
BESIDE, BETWEEN = 0.15, 0.01
"""Distance of the one disc's centre from the straight way, metres: at all times under
``beside``, and as a standard deviation under ``between``."""
FIELD, FIELD_RADII = 6, (0.1, 0.18)
"""Number and radii of the discs of a field, metres."""
GAP = 0.2
"""Room between the discs of a field, and so a way between any two, metres."""
CLEARANCE = 0.15
"""Room between a disc and a start or a goal, metres."""
ON_WAY = 0.1
"""The first disc of a field lies this near to the straight way, metres."""
APART = 0.5
"""Shortest distance of start and random goal, metres."""
ATTEMPTS = 10000
"""Draws after which a field counts as full."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """One environment at its reset."""

    start: np.ndarray
    """(2,) metres."""
    target: np.ndarray
    """(2,) where the rule ``across`` wants it, metres."""
    centres: np.ndarray
    """(N, 2) metres."""
    radii: np.ndarray
    """(N,) metres."""

    def is_free(self, point: np.ndarray) -> bool:
        """Whether there is room for a start or a goal at (2,)."""
        away = np.linalg.norm(point - self.centres, axis=-1) - self.radii
        return bool((away > CLEARANCE).all())


def place(seed: int, layout: str) -> Placement:
    """Start, target and discs of the episode with a seed."""
    rng = np.random.default_rng([seed, 0])
    angle = rng.uniform(-np.pi, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    start = -HALF_WAY * along + rng.uniform(-SHIFT, SHIFT, 2)
    target = HALF_WAY * along + rng.uniform(-SHIFT, SHIFT, 2)
    if layout == "field":
        centres, radii = _field(rng, start, target)
    else:
        side = rng.choice([-BESIDE, BESIDE])
        off = side if layout == "beside" else rng.normal(0.0, BETWEEN)
        centres = _middle(start, target, off)[None]
        radii = rng.uniform(*RADII, 1)
    return Placement(start=start, target=target, centres=centres, radii=radii)


def _middle(start: np.ndarray, target: np.ndarray, off: float) -> np.ndarray:
    """(2,) beside the middle of the straight way, to its left if ``off`` > 0."""
    way = target - start
    left = np.array([-way[1], way[0]]) / np.linalg.norm(way)
    return (start + target) / 2 + off * left


def _field(
    rng: np.random.Generator, start: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Discs that leave room around both ends and between each other."""
    centres = [_middle(start, target, rng.uniform(-ON_WAY, ON_WAY))]
    radii = [rng.uniform(*FIELD_RADII)]
    for _ in range(ATTEMPTS):
        if len(centres) == FIELD:
            break
        centre = rng.uniform(-FLOOR, FLOOR, 2)
        radius = rng.uniform(*FIELD_RADII)
        others = np.linalg.norm(centre - np.stack(centres), axis=-1) - radii - radius
        ends = np.linalg.norm(centre - np.stack([start, target]), axis=-1) - radius
        if others.min() > GAP and ends.min() > CLEARANCE:
            centres.append(centre)
            radii.append(radius)
    assert len(centres) == FIELD, f"only {len(centres)} of {FIELD} discs found room"
    return np.stack(centres), np.array(radii)


def sample_goal(
    rng: np.random.Generator, placement: Placement, rule: str
) -> np.ndarray:
    """(2,) goal: the target (``across``), or anywhere with room (``random``)."""
    if rule == "across":
        return placement.target
    for _ in range(ATTEMPTS):
        goal = rng.uniform(-FLOOR, FLOOR, 2)
        far = np.linalg.norm(goal - placement.start) >= APART
        if far and placement.is_free(goal):
            return goal
    raise AssertionError("a field always leaves room for a goal")
