"""Predictions that did not come true, kept for the rest of the episode.

A planner that is wrong about a wall is wrong again at the next step: nothing has
changed, so the same future looks best. The memory stores where and for which action an
imagined state missed the observed one, and by how much. Imagination that comes near
adds the remembered miss, so that a future that was refuted is not believed twice. What
is remembered can be wrong in its turn, where a miss reaches too far: then it is
experience that refutes the memory, and is kept beside it.

Source: LeCun 2022, section 3.1 (the short-term memory as a key-value store that the
world model queries and updates); Nadaraya 1964 for the weighted mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from telos.types import Correction, Trajectory

SHARPER = 4.0
"""Inverse ratio of the variances of the two kernels, of the mean and of the trust."""
NOWHERE = -1e9
"""Logarithm of the nearness of a slot that holds nothing; finite, as an environment may
remember nothing at all."""


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
    surprise: float = 0.25
    """Smallest miss that is kept, as a share of the change that was imagined or
    observed, whichever is larger."""
    noise: float = 0.1
    """Smallest miss that is kept, in typical changes: states at rest flicker."""
    state_reach: float = 1.4
    """Standard deviation of the kernel on states, in typical changes."""
    action_reach: float = 0.3
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
    def count(self) -> Int[Tensor, "B"]:
        """How often each environment was surprised in this episode."""
        return self._count

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
        """Keep what was not expected; says where that was.

        Expected is the world model's own prediction, which is given, with what is
        remembered added to it. Kept is the miss of the prediction alone, so that what
        was remembered wrongly is put right by a miss of zero.
        """
        miss = observed - predicted
        known = self.correct(state, action)
        expected = predicted + known - state
        change = torch.maximum((observed - state).norm(dim=-1), expected.norm(dim=-1))
        least = self.config.noise * self.config.typical_change
        least = (self.config.surprise * change).clamp_min(least)
        surprising = (miss - known).norm(dim=-1) > least
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
        of the mean counts: many distant ones do not add up to a near one. The mean is
        taken with a kernel half as wide, so that what was experienced right here
        outweighs what is remembered of around here.
        """
        if self.is_empty:
            return torch.zeros_like(states)
        config, num_envs = self.config, len(self._count)
        # Slots that no environment has filled yet would only cost time.
        slots = torch.arange(self.config.capacity, device=self._count.device)
        slots = slots[: int(self._count.max())]
        rows = states.view(num_envs, -1, states.shape[-1])
        taken = actions.view(num_envs, -1, actions.shape[-1])
        reach = config.state_reach * config.typical_change
        apart = torch.cdist(rows / reach, self._states[:, slots] / reach).square_()
        actions_apart = torch.cdist(taken, self._actions[:, slots])
        apart += (actions_apart / config.action_reach).square_()
        empty = slots >= self._count.unsqueeze(1)
        nearness = apart.mul_(-0.5).masked_fill_(empty.unsqueeze(1), NOWHERE)
        trust = nearness.amax(-1, keepdim=True).exp()
        mean = torch.softmax(SHARPER * nearness, dim=-1) @ self._misses[:, slots]
        return (trust * mean).view(states.shape)


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
