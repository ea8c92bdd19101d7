"""A behaviour that gives each episode one of two others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telos.types import Policy, Streams


class MixturePolicy:
    """Each episode follows one of two policies, drawn from its own seed."""

    def __init__(self, first: Policy, second: Policy, share: float = 0.5) -> None:
        """Give ``first`` the episodes' ``share``, ``second`` the rest."""
        self._first, self._second, self._share = first, second, share

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes."""
        draws = [np.random.default_rng([seed, 4]).uniform() for seed in seeds]
        self._choice = np.array(draws) < self._share
        self._first.reset(seeds)
        self._second.reset(seeds)

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, A) actions; both are asked, so neither depends on the batch."""
        first = self._first.act(observation, labels)
        second = self._second.act(observation, labels)
        return np.where(self._choice[:, None], first, second)
