"""Scripted behaviour with the cube, from its true place: reach, and pick and place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telos.types import Streams

REACH = 0.05
"""Way of a full action along each axis, metres."""
HEIGHT, CARRY = 0.12, 0.08
"""The hand goes so far above a cube to it; a cube is carried at least so high, m."""
ABOVE = 0.015
"""Within this a hand counts as above a cube, and a cube as above its goal, metres."""
GRIP = 0.025
"""Within this of the hand's centre a cube is between its fingers, metres."""
CLOSED = 0.25
"""From here on the fingers count as closed around something; 1 is all the way."""
NOISES = (0.05, 0.6)
"""Range from which an episode draws the noise of its actions."""
PLACES = np.array([[0.3, -0.2], [0.55, 0.2]])
"""Low and high corner of where cubes are carried to, metres."""
TABLE = 0.02
"""Height of a cube's centre on the table, metres."""
PATIENCE = 80
"""Steps after which another place is chosen."""


def pick_and_place(
    hand: np.ndarray, grip: np.ndarray, cube: np.ndarray, goal: np.ndarray
) -> np.ndarray:
    """(B, 5) actions that bring cubes (B, 3) to goals (B, 3), without memory."""
    return np.stack([_move(*row) for row in zip(hand, grip, cube, goal, strict=True)])


def _move(
    hand: np.ndarray, grip: float, cube: np.ndarray, goal: np.ndarray
) -> np.ndarray:
    aside = float(np.linalg.norm(hand[:2] - cube[:2]))
    away = float(np.linalg.norm(cube[:2] - goal[:2]))
    held = float(np.linalg.norm(hand - cube)) < GRIP
    if away < ABOVE and cube[2] < goal[2] + ABOVE:  # placed: let go and rise
        return _action(hand, np.append(hand[:2], HEIGHT), -1.0)
    if held and grip < CLOSED:
        return _action(hand, hand, 1.0)
    if held and away > ABOVE:
        over = np.append(goal[:2] if cube[2] > CARRY else hand[:2], HEIGHT)
        return _action(hand, over, 1.0)
    if held:
        return _action(hand, hand + goal - cube, 1.0)
    if aside > ABOVE:
        return _action(hand, np.append(cube[:2], cube[2] + HEIGHT), -1.0)
    return _action(hand, cube, -1.0)


def _action(hand: np.ndarray, aim: np.ndarray, grip: float) -> np.ndarray:
    """(5,) towards an aim, without turning."""
    way = np.clip((aim - hand) / REACH, -1.0, 1.0)
    return np.concatenate([way, [0.0, grip]])


class PlacePolicy:
    """Carries the cube to one place after the other, or to a goal and stays."""

    def __init__(self, goals: np.ndarray | None = None) -> None:
        """Take goals (B, 3), or None for random places with noise."""
        self._goals = goals

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes."""
        self._rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
        noises = [rng.uniform(*NOISES) for rng in self._rngs]
        self._noise = np.array(noises)[:, None] * (self._goals is None)
        self._left = np.zeros(len(seeds), int)
        self._aim = np.zeros((len(seeds), 3)) if self._goals is None else self._goals

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 5) actions from the labels effector, gripper and block."""
        if self._goals is None:
            self._left -= 1
            for row in np.flatnonzero(self._left <= 0):
                self._aim[row] = np.append(self._rngs[row].uniform(*PLACES), TABLE)
                self._left[row] = PATIENCE
        names = "effector", "gripper", "block"
        hand, grip, cube = (labels[name].astype(np.float64) for name in names)
        action = pick_and_place(hand, grip, cube, self._aim)
        noise = np.stack([rng.standard_normal(5) for rng in self._rngs])
        return np.clip(action + self._noise * noise, -1.0, 1.0).astype(np.float32)
