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
from telos.actor.planner import SearchPlanner
from telos.actor.prices import Prices, PricesConfig
from telos.actor.search import Search


@dataclass(frozen=True, kw_only=True)
class AugmentedLagrangianConfig(GradientConfig):
    """How the augmented Lagrangian searches."""

    iterations: int = 60
    """Evaluations of every start."""
    prices: PricesConfig = field(default_factory=PricesConfig)
    """What violations cost, and how that rises."""


class AugmentedLagrangian(SearchPlanner):
    """Gradient planning in which every violation has a price of its own."""

    def __init__(self, config: AugmentedLagrangianConfig | None = None) -> None:
        self.config = config or AugmentedLagrangianConfig()
        super().__init__(self.config)

    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Follow the gradient, at prices that rise."""
        config = self.config
        prices = Prices(config.prices)
        descend(
            search,
            scattered(search, seeds, config, generators),
            prices.energy,
            learning_rate=config.learning_rate,
            after_step=prices.update,
        )
