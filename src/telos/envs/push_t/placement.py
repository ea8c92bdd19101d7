"""Where episodes of the pushing world start and aim: from their seeds alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telos.envs.push_t.physics import AGENT, BLOCK, STATE
from telos.envs.push_t.shape import OUTLINE, gap, in_arena
from telos.envs.zones import Zone

AGENT_RANGE, BLOCK_RANGE = (50.0, 450.0), (100.0, 400.0)
"""Between which the coordinates of the agent and of the T's origin are drawn, pixels;
those of the original."""
INSIDE = (12.0, 500.0)
"""Between which all corners of the T lie, pixels: away from the walls."""
ROOM = 5.0
"""Room between the agent and the T, and between the agent and a zone, pixels."""
FIELD_TARGET = np.array([256.0, 256.0, np.pi / 4])
"""Pose of the target of the original."""
ATTEMPTS = 1000


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What one environment's T and agent need room for."""

    scale: float
    radius: float
    zone: Zone | None = None
    """Fields (1,)."""


def draw_pose(rng: np.random.Generator, scale: float) -> np.ndarray:
    """(3,) pose of a T inside the walls."""
    for _ in range(ATTEMPTS):
        place, angle = rng.uniform(*BLOCK_RANGE, 2), rng.uniform(-np.pi, np.pi)
        pose = np.array([*place, angle])
        corners = in_arena(OUTLINE, pose[None], np.array([scale]))
        if (corners > INSIDE[0]).all() and (corners < INSIDE[1]).all():
            return pose
    raise AssertionError(f"no room was found for a T of scale {scale}")


def draw_agent(rng: np.random.Generator, pose: np.ndarray, sizes: Sizes) -> np.ndarray:
    """(2,) place of an agent that touches neither the T nor the zone.

    Raises:
        ValueError: If the zone leaves no room.
    """
    scale = np.array([sizes.scale])
    for _ in range(ATTEMPTS):
        place = rng.uniform(*AGENT_RANGE, 2)
        away = gap(place[None, None], pose[None], scale)[0, 0]
        clear = away > sizes.radius + ROOM
        if clear and is_clear(place, sizes):
            return place
    raise no_room("place for the agent")


def is_clear(place: np.ndarray, sizes: Sizes) -> bool:
    """Whether an agent at (2,) keeps away from the zone."""
    return sizes.zone is None or bool(sizes.zone.margin(place[None])[0] > ROOM)


def at_rest(agent: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """(10,) state of rest."""
    state = np.zeros(STATE)
    state[AGENT], state[BLOCK] = agent, pose
    return state


def draw_state(rng: np.random.Generator, sizes: Sizes) -> np.ndarray:
    """(10,) state of rest with both anywhere."""
    pose = draw_pose(rng, sizes.scale)
    return at_rest(draw_agent(rng, pose, sizes), pose)


def no_room(what: str) -> ValueError:
    """What to say where a zone is too large."""
    return ValueError(
        f"no {what} outside the zone was found in {ATTEMPTS} draws: make the zone "
        "smaller or move it."
    )
