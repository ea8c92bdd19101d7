"""Augmented Lagrangian: descent that pays for violations until there are none.

It finds a stationary point of the *model's* problem; the answer still comes from the
archive. `prices` has the formula and its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.descent import descend
from telos.actor.gradient import GradientConfig, scattered
from telos.actor.prices import Prices, PricesConfig
from telos.actor.search import Search
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


@dataclass(frozen=True, kw_only=True)
class AugmentedLagrangianConfig(GradientConfig):
    """How the augmented Lagrangian searches."""

    iterations: int = 60
    """Evaluations of every start."""
    prices: PricesConfig = field(default_factory=PricesConfig)
    """What violations cost, and how that rises."""


class AugmentedLagrangian:
    """Gradient planning in which every violation has a price of its own."""

    def __init__(self, config: AugmentedLagrangianConfig | None = None) -> None:
        self.config = config or AugmentedLagrangianConfig()

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
        """Search and return the best iterate seen; see `telos.types.Planner`."""
        config = self.config
        search = Search.begin(
            config, dynamics, state, objective, guardrails, init, budget, generators
        )
        prices = Prices(config.prices)
        descend(
            search,
            scattered(search, init, config.sigma, config.beta, generators),
            prices.energy,
            learning_rate=config.learning_rate,
            after_step=prices.update,
        )
        return search.plan()
