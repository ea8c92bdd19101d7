"""Predictions that did not come true, kept for the rest of the episode.

A planner that is wrong about a wall is wrong again at the next step: nothing has
changed, so the same future looks best. The memory stores where and for which action an
imagined state missed the observed one, and by how much. Imagination that comes near
adds the remembered miss, so that a future that was refuted is not believed twice.

Source: LeCun 2022, section 3.1 (the short-term memory as a key-value store that the
world model queries and updates); Nadaraya 1964 for the weighted mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from telos.types import Correction, Trajectory


class CorrectableDynamics(Protocol):
    """Dynamics that let each of their predictions be corrected."""

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
        correction: Correction | None = None,
    ) -> Trajectory:
        """See `telos.types.Dynamics`; rows of the correction are sorted by B."""
        ...


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """What is remembered, and how far it reaches."""

    typical_change: float
    """Root mean square length of a state's change in one model step; sets the scale."""
    capacity: int = 64
    """Misses that an episode keeps; the oldest is overwritten."""
    surprise: float = 0.6
    """Smallest miss that is kept, in typical changes."""
    state_reach: float = 2.0
    """Standard deviation of the kernel on states, in typical changes."""
    action_reach: float = 0.7
    """Standard deviation of the kernel on actions, which lie in [-1, 1]."""


class Corrections:
    """A key-value store per environment: (state, action) to the miss of a prediction.

    Args:
        config: Capacity and reach.
        state_dim: Dimensions Z of a latent that move; only they are corrected.
        action_dim: Dimensions A of a model step's action.
        device: Where the store lives.
    """

    def __init__(
        self,
        config: MemoryConfig,
        state_dim: int,
        action_dim: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config, self.device = config, device
        self.state_dim, self.action_dim = state_dim, action_dim
        self.reset(0)

    def reset(self, num_envs: int) -> None:
        """Forget everything: a new batch of episodes starts."""
        room, where = (num_envs, self.config.capacity), self.device
        self._states = torch.zeros(*room, self.state_dim, device=where)
        self._actions = torch.zeros(*room, self.action_dim, device=where)
        self._misses = torch.zeros(*room, self.state_dim, device=where)
        self._count = torch.zeros(num_envs, dtype=torch.long, device=where)

    @property
    def is_empty(self) -> bool:
        """Whether no environment remembers anything."""
        return not bool(self._count.any())

    @torch.no_grad()
    def record(
        self,
        state: Float[Tensor, "B Z"],
        action: Float[Tensor, "B A"],
        predicted: Float[Tensor, "B Z"],
        observed: Float[Tensor, "B Z"],
    ) -> Bool[Tensor, "B"]:
        """Keep the misses that are large enough; says which are.

        The prediction has to be the world model's own, uncorrected one.
        """
        miss = observed - predicted
        least = self.config.surprise * self.config.typical_change
        surprising = miss.norm(dim=-1) > least
        envs = surprising.nonzero()[:, 0]
        slot = self._count[envs] % self.config.capacity
        self._states[envs, slot] = state[envs]
        self._actions[envs, slot] = action[envs]
        self._misses[envs, slot] = miss[envs]
        self._count[envs] += 1
        return surprising

    @torch.no_grad()
    def correct(
        self, states: Float[Tensor, "N Z"], actions: Float[Tensor, "N A"]
    ) -> Float[Tensor, "N Z"]:
        """What to add to predictions: the mean of misses, weighted by nearness.

        N is a multiple of B, sorted by environment. The nearest memory says how much
        of the mean counts: many distant ones do not add up to a near one.
        """
        config, num_envs = self.config, len(self._count)
        rows = states.view(num_envs, -1, states.shape[-1])
        taken = actions.view(num_envs, -1, actions.shape[-1])
        reach = config.state_reach * config.typical_change
        apart = (torch.cdist(rows, self._states) / reach).square()
        apart = apart + (torch.cdist(taken, self._actions) / config.action_reach) ** 2
        weight = torch.exp(-0.5 * apart) * self._used().unsqueeze(1)
        total = weight.sum(-1, keepdim=True).clamp_min(1e-12)
        trust = weight.amax(-1, keepdim=True)
        return (trust * (weight @ self._misses) / total).view(states.shape)

    def _used(self) -> Float[Tensor, "B M"]:
        """One for slots that hold something."""
        slots = torch.arange(self.config.capacity, device=self._count.device)
        return (slots < self._count.unsqueeze(1)).float()


@dataclass(frozen=True)
class CorrectedDynamics:
    """A world model that looks up what it got wrong."""

    dynamics: CorrectableDynamics
    corrections: Corrections

    def reset(self, num_envs: int) -> None:
        """A new batch of episodes starts."""
        self.corrections.reset(num_envs)

    @torch.no_grad()
    def observe(
        self,
        before: Float[Tensor, "B T D"],
        action: Float[Tensor, "B A"],
        after: Float[Tensor, "B T D"],
    ) -> Bool[Tensor, "B"]:
        """Compare what an action led to with imagination; says who is surprised."""
        imagined = self.dynamics.rollout(before, action[:, None, None]).states
        size = self.corrections.state_dim
        return self.corrections.record(
            before[:, -1, :size],
            action,
            imagined[:, 0, 0, -1, :size],
            after[:, -1, :size],
        )

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """See `telos.types.Dynamics`."""
        known = None if self.corrections.is_empty else self.corrections.correct
        return self.dynamics.rollout(
            state, actions, futures=futures, generator=generator, correction=known
        )
