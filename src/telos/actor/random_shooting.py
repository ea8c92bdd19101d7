"""Random shooting: try many, keep the best. The floor for every other planner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.gaussian import seed_plans
from telos.actor.noise import coloured_noise
from telos.actor.search import Search, SearchConfig
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


@dataclass(frozen=True, kw_only=True)
class RandomShootingConfig(SearchConfig):
    """How much random shooting tries; no iteration learns from another."""


class RandomShooting:
    """Candidates whose every action is uniform in [-1, 1], correlated along time."""

    def __init__(self, config: RandomShootingConfig | None = None) -> None:
        self.config = config or RandomShootingConfig()

    @torch.no_grad()
    def plan(
        self,
        dynamics: Dynamics,
        state: Float[Tensor, "B T D"],
        objective: Objective,
        guardrails: Sequence[Guardrail] = (),
        *,
        init: Float[Tensor, "B H A"] | None = None,
        budget: Budget | None = None,
        generators: Sequence[torch.Generator],
    ) -> Plan:
        """Evaluate rest, `init` and random candidates; see `telos.types.Planner`."""
        config = self.config
        search = Search.begin(
            config, dynamics, state, objective, guardrails, init, budget, generators
        )
        seeds = seed_plans(state, init, config.horizon, config.action_dim)
        for count in search.rounds():
            noise = coloured_noise(
                generators,
                max(count - seeds.shape[1], 0),
                config.horizon,
                config.action_dim,
                config.beta,
                device=state.device,
            )
            # The normal distribution function makes every single action uniform.
            actions = torch.erf(noise / math.sqrt(2))
            search.evaluate(torch.cat([seeds, actions], dim=1)[:, :count])
            seeds = seeds[:, :0]
        return search.plan()
