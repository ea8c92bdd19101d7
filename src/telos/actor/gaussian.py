"""A Gaussian over plans: what sampling planners draw from and refit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.noise import coloured_noise


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """Independent per number of a plan; its noise may be correlated along time."""

    mean: Float[Tensor, "B H A"]
    std: Float[Tensor, "B H A"]

    @classmethod
    def around(cls, mean: Float[Tensor, "B H A"], sigma: float) -> Gaussian:
        """The same spread everywhere."""
        return cls(mean=mean, std=torch.full_like(mean, sigma))

    def draw(
        self, generators: Sequence[torch.Generator], count: int, beta: float
    ) -> Float[Tensor, "B S H A"]:
        """Plans within the action bounds, noise of colour `beta`."""
        horizon, action_dim = self.mean.shape[1:]
        noise = coloured_noise(
            generators, count, horizon, action_dim, beta, device=self.mean.device
        )
        return (self.mean[:, None] + self.std[:, None] * noise).clamp(-1.0, 1.0)

    def refit(
        self, elites: Float[Tensor, "B E H A"], momentum: float, min_sigma: float
    ) -> Gaussian:
        """Move towards elites; `momentum` is the share of what was before."""
        std = elites.std(dim=1, correction=0)
        return Gaussian(
            mean=torch.lerp(elites.mean(1), self.mean, momentum),
            std=torch.lerp(std, self.std, momentum).clamp_min(min_sigma),
        )


def seed_plans(
    state: Tensor, init: Tensor | None, horizon: int, action_dim: int
) -> Float[Tensor, "B S H A"]:
    """What every planner evaluates beside its own candidates: rest, and `init`."""
    rest = state.new_zeros(len(state), 1, horizon, action_dim)
    if init is None:
        return rest
    return torch.cat([rest, init.clamp(-1.0, 1.0)[:, None]], dim=1)
