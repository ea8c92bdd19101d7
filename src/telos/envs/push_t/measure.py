"""How far a state is from a goal: the success rules of the field as one number each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from telos.envs.push_t.physics import AGENT, BLOCK
from telos.envs.push_t.shape import coverage


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What counts as near."""

    unit: str
    radius: float
    """Usual distance within which a goal counts as reached."""
    meaning: str


MEASURES: Mapping[str, Measure] = {
    "state": Measure(
        unit="px, deg",
        radius=20.0,
        meaning="the larger of the distance of agent and T together, the root of the "
        "sum of both squares in pixels, and the difference of the angles in degrees",
    ),
    "block": Measure(
        unit="px, deg",
        radius=20.0,
        meaning="the same without the agent",
    ),
    "coverage": Measure(
        unit="1 - share",
        radius=0.05,
        meaning="the share of the goal's T that is not covered",
    ),
}
"""By name. 20 px and pi / 9 = 20 degrees is the rule of DINO-WM (Zhou et al. 2024) and
stable-worldmodel, which look at ``state``; 95 % of coverage that of gym-pusht."""


def distance_between(
    name: str, states: np.ndarray, goals: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """(...) distance by a measure; only places and angles matter.

    Args:
        name: Of the measure.
        states: (..., 10).
        goals: (..., 10), broadcast against the states.
        scale: (...) of the T, pixels, broadcast against both.
    """
    if name == "coverage":
        return 1.0 - coverage(states[..., BLOCK], goals[..., BLOCK], scale)
    away = states - goals
    squares = (away[..., BLOCK][..., :2] ** 2).sum(-1)
    if name == "state":
        squares = squares + (away[..., AGENT] ** 2).sum(-1)
    turn = away[..., BLOCK][..., 2]
    degrees = np.degrees(np.abs(wrapped(turn)))
    return np.maximum(np.sqrt(squares), degrees)


def wrapped(angle: np.ndarray) -> np.ndarray:
    """The same angles in [-pi, pi)."""
    return np.mod(angle + np.pi, 2 * np.pi) - np.pi
