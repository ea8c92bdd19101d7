"""Random actions, one generator per environment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from telos.types import Streams


class RandomPolicy:
    """Uniform actions, optionally correlated in time.

    A hidden Gaussian follows x' = rho x + sqrt(1 - rho^2) noise and is mapped through
    its own distribution function. Actions therefore stay exactly uniform over the
    bounds at every step, whatever the correlation: only their order changes, so that a
    correlated policy wanders further than an uncorrelated one.
    """

    def __init__(
        self, low: np.ndarray, high: np.ndarray, correlation: float = 0.0
    ) -> None:
        """Take bounds (A,) in the environment's own units and rho in [0, 1)."""
        if not 0.0 <= correlation < 1.0:
            raise ValueError(
                f"correlation is {correlation}: expected a number in [0, 1); "
                "0 draws every action anew, 0.9 keeps a direction for about 10 steps."
            )
        self.low = np.asarray(low, np.float64)
        self.high = np.asarray(high, np.float64)
        self.correlation = correlation
        self._generators: list[np.random.Generator] = []
        self._hidden = np.zeros((0, len(self.low)))

    def reset(self, seeds: Sequence[int]) -> None:
        """Start one episode per seed."""
        self._generators = [np.random.default_rng([seed, 3]) for seed in seeds]
        self._hidden = self._noise()

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, A) float32 actions; what is observed is ignored."""
        hidden = self._hidden
        fresh = np.sqrt(1.0 - self.correlation**2)
        self._hidden = self.correlation * hidden + fresh * self._noise()
        action = self.low + (self.high - self.low) * ndtr(hidden)
        return action.astype(np.float32)

    def _noise(self) -> np.ndarray:
        width = len(self.low)
        return np.stack([rng.standard_normal(width) for rng in self._generators])
