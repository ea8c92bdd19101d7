"""Search first, then descend: iCEM finds the valley, its elites follow the gradient.

The descent pays for violations as the augmented Lagrangian does (`prices`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.descent import descend
from telos.actor.gaussian import seed_plans
from telos.actor.icem import ICEM, ICEMConfig
from telos.actor.prices import Prices, PricesConfig
from telos.actor.search import Search, require_positive
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


@dataclass(frozen=True, kw_only=True)
class HybridConfig:
    """How the hybrid searches."""

    search: ICEMConfig = field(default_factory=ICEMConfig)
    """The search; its best elites are what descends."""
    descents: int = 4
    """Elites that descend."""
    steps: int = 10
    """Evaluations of each of them."""
    learning_rate: float = 0.1
    """Of Adam, in units of actions."""
    prices: PricesConfig = field(default_factory=PricesConfig)
    """What violations cost in the descent, and how that rises."""

    def __post_init__(self) -> None:
        require_positive(
            descents=self.descents, steps=self.steps, learning_rate=self.learning_rate
        )


class Hybrid:
    """iCEM, then Adam on its elites."""

    def __init__(self, config: HybridConfig | None = None) -> None:
        self.config = config or HybridConfig()
        self._icem = ICEM(self.config.search)

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
        """Search and return the best candidate seen; see `telos.types.Planner`.

        A budget's limits hold for both parts together, half of them for the search.
        """
        config = self.config
        search = Search.begin(
            config.search,
            dynamics,
            state,
            objective,
            guardrails,
            init,
            budget,
            generators,
        )
        whole = search.amount
        search.amount = whole.half() if whole.is_limited else whole
        seeds = seed_plans(state, init, search.horizon, search.action_dim)
        prices = Prices(config.prices)
        elites = self._icem.search(search, seeds, generators)
        search.amount = replace(
            whole, iterations=whole.iterations if whole.is_limited else config.steps
        )
        descend(
            search,
            elites[:, : config.descents],
            prices.energy,
            learning_rate=config.learning_rate,
            after_step=prices.update,
        )
        return search.plan()
