"""Goals of Push-T that are posed, not pushed to, and the pose that a picture marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telos.envs.push_t.measure import MEASURES, distance_between
from telos.envs.push_t.placement import (
    FIELD_TARGET,
    Sizes,
    at_rest,
    draw_agent,
    draw_pose,
    draw_state,
)

TARGETS = ("fixed", "random", "none")
ATTEMPTS = 20
"""Draws of states, most of which are far from any other."""

Row = tuple[np.random.Generator, Sizes]
"""What one environment draws with."""


def mark(target: str, row: Row) -> np.ndarray:
    """(3,) pose that one environment marks, or would; see ``TARGETS``."""
    drawn = draw_pose(row[0], row[1].scale)
    return drawn if target == "random" else FIELD_TARGET


def on_the_mark(rows: Sequence[Row], marked: np.ndarray) -> np.ndarray:
    """(B, 10) states of rest with the T on marked poses (B, 3), the agent anywhere."""
    pairs = zip(rows, marked, strict=True)
    return np.stack([at_rest(draw_agent(r, m, sizes), m) for (r, sizes), m in pairs])


def elsewhere(rows: Sequence[Row], here: np.ndarray, measure: str) -> np.ndarray:
    """(B, 10) states of rest anywhere that states (B, 10) are not near to already."""
    pairs = zip(rows, here, strict=True)
    return np.stack([_away(row, state, measure) for row, state in pairs])


def _away(row: Row, here: np.ndarray, measure: str) -> np.ndarray:
    rng, sizes = row
    for _ in range(ATTEMPTS):
        there = draw_state(rng, sizes)
        away = distance_between(measure, here, there, np.array(sizes.scale))
        if away > MEASURES[measure].radius:
            return there
    raise AssertionError(f"{ATTEMPTS} random states were all near {here}")
