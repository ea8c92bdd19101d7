"""Scripted behaviour of worlds with a regulator: visit one place after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from telos.envs.regulator import Body, Regulator, feedback
from telos.types import Streams

STAY = (10, 40)
"""Shortest and longest pursuit of a place, steps."""
NOISES = (0.05, 0.6)
"""Range from which an episode draws its noise, in shares of the largest action."""
KEPT = 0.9
"""Share of the noise that the next step keeps."""


class VisitPolicy:
    """Regulates towards places drawn from the episode's seed, with noise that lasts."""

    def __init__(
        self,
        sample: Callable[[np.random.Generator], np.ndarray],
        regulator_of: Callable[[np.ndarray], Regulator],
        body: Body,
    ) -> None:
        """Take what draws a state of rest (D,) and what regulates towards (N, D)."""
        self._sample, self._regulator_of, self._body = sample, regulator_of, body

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes."""
        self._rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
        noise = [rng.uniform(*NOISES) for rng in self._rngs]
        self._noise = np.array(noise)[:, None]
        self._regulator = self._regulator_of(self._places(range(len(seeds))))
        self._left = np.array([rng.integers(*STAY) for rng in self._rngs])
        self._push = np.zeros_like(self._regulator.rest)

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, A) actions in the world's own units."""
        self._move_on()
        fresh = [rng.standard_normal(self._push.shape[1]) for rng in self._rngs]
        self._push = KEPT * self._push + np.sqrt(1 - KEPT**2) * np.stack(fresh)
        unit = feedback(self._regulator, self._body, labels) + self._noise * self._push
        return (self._body.high * np.clip(unit, -1.0, 1.0)).astype(np.float32)

    def _move_on(self) -> None:
        """Give a new place to every episode that has pursued its own long enough."""
        self._left -= 1
        rows = [int(row) for row in np.flatnonzero(self._left <= 0)]
        if rows:
            fresh = self._regulator_of(self._places(rows))
            self._regulator = self._regulator.updated(rows, fresh)
            self._left[rows] = [self._rngs[row].integers(*STAY) for row in rows]

    def _places(self, rows: Sequence[int]) -> np.ndarray:
        return np.stack([self._sample(self._rngs[row]) for row in rows])
