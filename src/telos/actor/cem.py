"""CEM: draw plans, refit a Gaussian to the best, draw again.

Source: Rubinstein 1999; de Boer et al. 2005, "A Tutorial on the Cross-Entropy Method".
Difference: the answer is the best candidate that was evaluated, never the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.gaussian import Gaussian, seed_plans
from telos.actor.scoring import rank_for_search, take
from telos.actor.search import Search, SearchConfig, require_positive
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


@dataclass(frozen=True, kw_only=True)
class CEMConfig(SearchConfig):
    """How CEM searches. Actions are normalised to [-1, 1]."""

    beta: float = 0.0
    """Colour of the noise; plain CEM draws every step independently."""
    elites: int = 8
    """Best candidates that the distribution is refitted to."""
    momentum: float = 0.0
    """Share of the old mean and spread that a refit keeps."""
    sigma: float = 0.7
    """Standard deviation of the first iteration."""
    min_sigma: float = 0.02
    """Floor of the spread, so that the search never freezes."""
    penalty: float = 1.0
    """Price of a violation while searching, see `rank_for_search`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(elites=self.elites, sigma=self.sigma)
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum}; expected [0, 1).")


class CEM:
    """The cross-entropy method, which most published planners use."""

    def __init__(self, config: CEMConfig | None = None) -> None:
        self.config = config or CEMConfig()

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
        """Search and return the best candidate seen; see `telos.types.Planner`."""
        config = self.config
        search = Search.begin(
            config, dynamics, state, objective, guardrails, init, budget, generators
        )
        seeds = seed_plans(state, init, config.horizon, config.action_dim)
        gaussian = Gaussian.around(seeds[:, -1], config.sigma)
        for count in search.rounds():
            fresh = gaussian.draw(
                generators, max(count - seeds.shape[1], 0), config.beta
            )
            candidates = search.evaluate(torch.cat([seeds, fresh], dim=1)[:, :count])
            order = rank_for_search(candidates.scores, config.penalty)
            elites = take(candidates.actions, order[:, : config.elites])
            gaussian = gaussian.refit(elites, config.momentum, config.min_sigma)
            seeds = seeds[:, :0]
        return search.plan()
