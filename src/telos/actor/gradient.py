"""Gradient planning: true Adam from many starts, every iterate archived.

What makes it work where published gradient planners fail: many starts, Adam's own
scaling (not a hand-written step) of directions of length one, bounded actions, and an
answer from the archive, not from the last step.

Source: Kingma & Ba 2015 for Adam. Starts are coloured noise as in iCEM (2008.06389).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.descent import descend
from telos.actor.gaussian import Gaussian
from telos.actor.planner import SearchPlanner
from telos.actor.scoring import search_energy
from telos.actor.search import Search
from telos.actor.settings import SearchConfig, require_positive


@dataclass(frozen=True, kw_only=True)
class GradientConfig(SearchConfig):
    """How gradient planning searches. Actions are normalised to [-1, 1].

    ``samples`` is the number of starts.
    """

    samples: int = 8
    """Starts per environment."""
    iterations: int = 30
    """Evaluations of every start."""
    learning_rate: float = 0.1
    """Of Adam, in units of actions."""
    sigma: float = 0.5
    """Standard deviation of the starts."""
    penalty: float = 1.0
    """Price of a violation while descending, see `search_energy`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(learning_rate=self.learning_rate, sigma=self.sigma)


class Gradient(SearchPlanner):
    """Descends on the cost of plans; the dynamics have to be differentiable."""

    def __init__(self, config: GradientConfig | None = None) -> None:
        self.config = config or GradientConfig()
        super().__init__(self.config)

    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Follow the gradient from scattered starts."""
        config = self.config
        descend(
            search,
            scattered(search, seeds, config, generators),
            partial(search_energy, penalty=config.penalty),
            learning_rate=config.learning_rate,
        )


def scattered(
    search: Search,
    seeds: Float[Tensor, "B S H A"],
    config: GradientConfig,
    generators: Sequence[torch.Generator],
) -> Float[Tensor, "B S H A"]:
    """Starts of a descent: the seeds, and coloured noise around the last of them."""
    count = search.amount.samples
    around = Gaussian.around(seeds[:, -1], config.sigma)
    fresh = around.draw(generators, max(count - seeds.shape[1], 0), config.beta)
    return torch.cat([seeds, fresh], dim=1)[:, :count]
