"""Scripted control of a point mass in a maze, from its true state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telos.envs.visibility import VisibilityMap, cell_centres
from telos.types import Streams

ACCELERATION = 0.239
"""Change of speed by one full action in one simulator step, m/s."""
BRAKE = 5.0
"""Speed allowed per metre that is left, 1/s."""
ARRIVAL = 0.3
"""Distance at which a visited place counts as reached, metres."""
CELL_NOISE = 0.35
"""Free places lie within this of the middle of a cell along each axis, metres."""
SPEEDS, NOISES = (0.8, 3.5), (0.05, 0.8)
"""Ranges from which a visiting episode draws its speed (m/s) and action noise."""


def sample_free(
    rng: np.random.Generator, walls: np.ndarray, noise: float
) -> np.ndarray:
    """(2,) place within ``noise`` of the middle of a random free cell, metres."""
    cells = cell_centres(walls)[~walls]
    return cells[rng.integers(len(cells))] + rng.uniform(-noise, noise, 2)


def steer(
    position: np.ndarray,
    velocity: np.ndarray,
    aim: np.ndarray,
    speed: np.ndarray | float,
    remaining: np.ndarray,
) -> np.ndarray:
    """(B, 2) actions that bring a point mass towards ``aim``, braking at the end.

    Args:
        position: (B, 2) metres.
        velocity: (B, 2) m/s.
        aim: (B, 2) where to head now.
        speed: Largest speed, one or (B,), m/s.
        remaining: (B,) length of the whole way that is left, metres.
    """
    offset = aim - position
    distance = np.maximum(np.linalg.norm(offset, axis=-1, keepdims=True), 1e-9)
    allowed = np.minimum(speed, BRAKE * remaining)[:, None]
    wanted = allowed * offset / distance
    return np.clip((wanted - velocity) / (2 * ACCELERATION), -1.0, 1.0)


class GoalPolicy:
    """Steers to a goal: along the shortest way, or straight for it (the floor)."""

    def __init__(
        self, goal: np.ndarray, routes: VisibilityMap | None, speed: float = 2.5
    ) -> None:
        """Take goals (B, 2) in metres, and routes to follow or None to ignore walls."""
        self._goal, self._routes, self._speed = goal.astype(np.float64), routes, speed

    def reset(self, seeds: Sequence[int]) -> None:
        """Nothing to do: the policy is deterministic and keeps no state."""

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 2) actions from the labels position and velocity."""
        position, goal = labels["position"].astype(np.float64), self._goal
        aim, remaining = goal, np.linalg.norm(goal - position, axis=-1)
        if self._routes is not None:
            aim = self._routes.next_bend(position, goal)
            remaining = self._routes.length(position, goal)
        action = steer(position, labels["velocity"], aim, self._speed, remaining)
        return action.astype(np.float32)


class VisitPolicy:
    """Visits random free places with a speed and a noise drawn per episode."""

    def __init__(self, routes: VisibilityMap) -> None:
        self._routes = routes

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes."""
        self._rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
        self._speed = np.array([rng.uniform(*SPEEDS) for rng in self._rngs])
        self._noise = np.array([rng.uniform(*NOISES) for rng in self._rngs])
        self._goal = np.stack([self._place(rng) for rng in self._rngs])
        self._push = np.zeros_like(self._goal)

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 2) actions; the noise keeps for about ten steps."""
        position = labels["position"].astype(np.float64)
        arrived = np.linalg.norm(position - self._goal, axis=-1) < ARRIVAL
        for index in np.flatnonzero(arrived):
            self._goal[index] = self._place(self._rngs[index])
        aim = self._routes.next_bend(position, self._goal)
        # No braking: a visitor passes through its places and bumps into walls.
        far = np.full(len(position), np.inf)
        action = steer(position, labels["velocity"], aim, self._speed, far)
        noise = np.stack([rng.standard_normal(2) for rng in self._rngs])
        self._push = 0.9 * self._push + np.sqrt(1 - 0.9**2) * noise
        action = action + self._noise[:, None] * self._push
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        return sample_free(rng, self._routes.walls, CELL_NOISE)
