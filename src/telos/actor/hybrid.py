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
from telos.actor.icem import ICEM, ICEMConfig
from telos.actor.planner import SearchPlanner
from telos.actor.prices import Prices, PricesConfig
from telos.actor.search import Search
from telos.actor.settings import require_positive


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


class Hybrid(SearchPlanner):
    """iCEM, then Adam on its elites."""

    def __init__(self, config: HybridConfig | None = None) -> None:
        self.config = config or HybridConfig()
        super().__init__(self.config.search)
        self._icem = ICEM(self.config.search)

    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Search, then descend from the elites.

        A budget's limits hold for both parts together, half of them for the search.
        """
        config = self.config
        whole = search.amount
        search.amount = whole.half() if whole.is_limited else whole
        prices = Prices(config.prices)
        elites = self._icem.elites(search, seeds, generators)
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
