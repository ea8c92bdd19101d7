"""Random shooting: try many, keep the best. The floor for every other planner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.noise import coloured_noise
from telos.actor.planner import SearchPlanner
from telos.actor.search import Search
from telos.actor.settings import SearchConfig


@dataclass(frozen=True, kw_only=True)
class RandomShootingConfig(SearchConfig):
    """How much random shooting tries; no iteration learns from another."""


class RandomShooting(SearchPlanner):
    """Candidates whose every action is uniform in [-1, 1], correlated along time."""

    def __init__(self, config: RandomShootingConfig | None = None) -> None:
        self.config = config or RandomShootingConfig()
        super().__init__(self.config)

    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Draw, and that is all."""
        config = self.config
        for count in search.rounds():
            noise = coloured_noise(
                generators,
                max(count - seeds.shape[1], 0),
                config.horizon,
                config.action_dim,
                config.beta,
                device=search.state.device,
            )
            # The normal distribution function makes every single action uniform.
            actions = torch.erf(noise / math.sqrt(2))
            search.evaluate(torch.cat([seeds, actions], dim=1)[:, :count])
            seeds = seeds[:, :0]
