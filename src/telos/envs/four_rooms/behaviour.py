"""Scripted behaviour in the grid, from the true pose; actions are one-hot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from telos.envs.four_rooms.grid import (
    ACTIONS,
    FORWARD,
    LEFT,
    RIGHT,
    STEPS,
    actions_to,
    draw_cell,
    one_hot,
)
from telos.types import Streams

AHEAD = 0.7
"""Share of steps forward of a wanderer."""
NOISES = (0.05, 0.5)
"""Range from which a visiting episode draws its share of random actions."""
Walls = Callable[[], np.ndarray]
"""Walls (B, 19, 19) of the running episodes."""


class RandomMoves:
    """Draws every action anew."""

    def __init__(self, shares: Sequence[float]) -> None:
        """Take the shares of the three actions."""
        self._shares = list(shares)

    def reset(self, seeds: Sequence[int]) -> None:
        """Start one episode per seed."""
        self._rngs = [np.random.default_rng([seed, 3]) for seed in seeds]

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 3) one-hot actions."""
        drawn = [rng.choice(ACTIONS, p=self._shares) for rng in self._rngs]
        return one_hot(np.array(drawn))


class VisitPolicy:
    """Goes to one random cell after the other; now and then it errs."""

    def __init__(self, walls: Walls) -> None:
        self._walls_of = walls

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes."""
        self._walls = self._walls_of()
        self._rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
        self._noise = np.array([rng.uniform(*NOISES) for rng in self._rngs])
        rows = zip(self._rngs, self._walls, strict=True)
        self._aim = np.stack([draw_cell(rng, walls) for rng, walls in rows])
        self._needed = actions_to(self._walls, self._aim)

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 3) one-hot actions from the labels position and direction."""
        poses = poses_of(labels)
        for row in np.flatnonzero((poses[:, :2] == self._aim).all(-1)):
            self._aim[row] = draw_cell(self._rngs[row], self._walls[row])
            fresh = slice(row, row + 1)
            self._needed[fresh] = actions_to(self._walls[fresh], self._aim[fresh])
        errs = np.array([rng.uniform() for rng in self._rngs]) < self._noise
        anything = np.array([rng.integers(ACTIONS) for rng in self._rngs])
        return one_hot(np.where(errs, anything, best_moves(self._needed, poses)))


class ExpertPolicy:
    """Reaches goals with the fewest actions."""

    def __init__(self, walls: np.ndarray, goals: np.ndarray) -> None:
        """Take walls (B, 19, 19) and goals (B, 2)."""
        self._needed = actions_to(walls, goals)

    def reset(self, seeds: Sequence[int]) -> None:
        """Nothing to do: the policy is deterministic and keeps no state."""

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 3) one-hot actions from the labels position and direction."""
        return one_hot(best_moves(self._needed, poses_of(labels)))


def poses_of(labels: Streams) -> np.ndarray:
    """(B, 3) int poses of labels."""
    place, direction = labels["position"], labels["direction"]
    poses = np.concatenate([place, direction[..., None]], -1)
    return np.rint(poses).astype(int)


def best_moves(needed: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """(B,) actions after which the fewest are needed; forward where several are."""
    x, y, direction = poses.T
    rows = np.arange(len(poses))
    after = np.empty((ACTIONS, len(poses)))
    there = poses[:, :2] + STEPS[direction]
    # Half an action less: of equally good ones the step forward is taken.
    after[FORWARD] = needed[rows, direction, there[:, 1], there[:, 0]] - 0.5
    for action, turn in ((LEFT, -1), (RIGHT, 1)):
        after[action] = needed[rows, (direction + turn) % 4, y, x]
    return after.argmin(0)
