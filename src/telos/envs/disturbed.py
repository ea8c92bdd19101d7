"""A world in which actions do not do quite what they say: tests under shift."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from telos.envs.checks import check_actions
from telos.envs.world import GoalWorld, Step


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """What happens to an action before the world sees it, in this order."""

    gain: float = 1.0
    """Factor on every action."""
    noise: float = 0.0
    """Standard deviation of what is added, as a share of the action's range."""
    latency: int = 0
    """Steps by which actions come too late; rest comes before the first."""

    def __post_init__(self) -> None:
        if self.noise < 0 or self.latency < 0 or not np.isfinite(self.gain):
            raise ValueError(
                f"{self} is no disturbance; expected a finite gain, noise >= 0 and "
                "latency >= 0"
            )


class DisturbedWorld:
    """Any other world with its actions disturbed; the rest is as it was."""

    def __init__(self, world: GoalWorld, disturbance: Disturbance) -> None:
        self._world, self._disturbance = world, disturbance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def reset(self, seeds: Sequence[int]) -> Step:
        """Start B episodes; the seed alone decides the noise, too."""
        self._rngs = [np.random.default_rng([seed, 7]) for seed in seeds]
        low, high = self._world.spec.action_low, self._world.spec.action_high
        rest = np.tile((low + high) / 2, (self._world.num_envs, 1))
        self._late = deque([rest] * self._disturbance.latency)
        return self._world.reset(seeds)

    def step(self, actions: np.ndarray) -> Step:
        """Advance by what the disturbance makes of (B, A) actions."""
        spec, asked = self._world.spec, self._disturbance
        actions = check_actions(actions, self._world.num_envs, spec.action_dim)
        drawn = np.stack([rng.standard_normal(spec.action_dim) for rng in self._rngs])
        spread = asked.noise * (spec.action_high - spec.action_low)
        self._late.append(asked.gain * actions + spread * drawn)
        return self._world.step(self._late.popleft())


def disturbed(world: GoalWorld, disturbance: Disturbance) -> GoalWorld:
    """The world with its actions disturbed."""
    return cast(GoalWorld, DisturbedWorld(world, disturbance))
