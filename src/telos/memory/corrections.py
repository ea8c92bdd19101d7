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

import math
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
        reaches = config.state_reach * config.typical_change, config.action_reach
        scale = [1 / (math.sqrt(2) * reach) for reach in reaches]
        self._scale = torch.tensor(
            [scale[0]] * state_dim + [scale[1]] * action_dim, device=device
        )
        self.reset(0)

    def reset(self, num_envs: int) -> None:
        """Forget everything: a new batch of episodes starts."""
        room, where = (num_envs, self.config.capacity), self.device
        size = self.state_dim + self.action_dim
        self._keys = torch.zeros(*room, size, device=where)
        self._misses = torch.zeros(*room, self.state_dim, device=where)
        self._count = torch.zeros(num_envs, dtype=torch.long, device=where)
        self._recall: _Recall | None = None

    @property
    def count(self) -> Int[Tensor, "B"]:
        """How often each environment was surprised in this episode."""
        return self._count

    @property
    def is_empty(self) -> bool:
        """Whether no environment remembers anything."""
        return self._recall is None

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
        if len(envs):
            slot = self._count[envs] % self.config.capacity
            self._keys[envs, slot] = self._key(state[envs], action[envs])
            self._misses[envs, slot] = miss[envs]
            self._count[envs] += 1
            self._recall = _Recall.of(self._keys, self._misses, self._count)
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
        if self._recall is None:
            return torch.zeros_like(states)
        queries = self._key(states, actions)
        found = self._recall(queries.view(len(self._count), -1, queries.shape[-1]))
        return found.view(states.shape)

    def _key(self, states: Tensor, actions: Tensor) -> Float[Tensor, "N P"]:
        """States and actions, in units of the kernels' reach."""
        return torch.cat([states, actions], dim=-1).mul_(self._scale)


@dataclass(frozen=True, kw_only=True)
class _Recall:
    """What is looked up of a store: worked out once per record, used for every step.

    Keys are scaled so that the kernel is exp(-|query - key|^2). The weights of the mean
    need the product of query and key only: the square of the query is the same for all
    keys, and a softmax does not see it. Only slots that some environment has filled are
    kept, the others would cost time.
    """

    keys: Float[Tensor, "BM P"]
    """Keys of all environments, one after the other."""
    products: Float[Tensor, "B P M"]
    """2 SHARPER times the keys."""
    squares: Float[Tensor, "B 1 M"]
    """-SHARPER times the keys' squares; NOWHERE where a slot is empty."""
    misses: Float[Tensor, "B M Z"]
    first: Int[Tensor, "B 1 1"]
    """Where an environment's keys begin among all."""

    @classmethod
    def of(cls, keys: Tensor, misses: Tensor, count: Tensor) -> _Recall:
        """Prepare the store: (B, M', P) keys and misses, of which count are filled."""
        filled = min(int(count.max()), keys.shape[1])
        keys, misses = keys[:, :filled].contiguous(), misses[:, :filled].contiguous()
        slots = torch.arange(filled, device=keys.device)
        squares = torch.linalg.vecdot(keys, keys) * -SHARPER
        squares.masked_fill_(slots >= count[:, None], NOWHERE)
        return cls(
            keys=keys.flatten(0, 1),
            products=(2 * SHARPER * keys).mT.contiguous(),
            squares=squares[:, None],
            misses=misses,
            first=torch.arange(len(keys), device=keys.device)[:, None, None] * filled,
        )

    def __call__(self, queries: Float[Tensor, "B N P"]) -> Float[Tensor, "B N Z"]:
        """Mean of the misses, times the trust in the nearest of them."""
        nearness = torch.baddbmm(self.squares, queries, self.products)
        most, nearest = nearness.max(dim=-1, keepdim=True)
        # The distance to the nearest key is taken from their difference: that of two
        # large squares would be all rounding, far from the origin.
        nearest = (nearest + self.first).flatten()
        apart = queries.flatten(0, 1) - self.keys.index_select(0, nearest)
        trust = torch.linalg.vecdot(apart, apart).neg_().exp_().view(most.shape)
        # A softmax by hand: torch's takes four times as long over a dozen numbers.
        weights = nearness.sub_(most).exp_()
        share = trust.div_(weights.sum(dim=-1, keepdim=True))
        return torch.bmm(weights, self.misses).mul_(share)


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
