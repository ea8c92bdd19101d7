"""Gradient planning: true Adam from many starts, every iterate archived.

What makes it work where published gradient planners fail: many starts, Adam's own
scaling (not a hand-written step) of directions of length one, bounded actions, and an answer from the archive, not
from the last step.

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
from telos.actor.gaussian import Gaussian, seed_plans
from telos.actor.scoring import search_energy
from telos.actor.search import Search, SearchConfig, require_positive
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


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


class Gradient:
    """Descends on the cost of plans; the dynamics have to be differentiable."""

    def __init__(self, config: GradientConfig | None = None) -> None:
        self.config = config or GradientConfig()

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
        descend(
            search,
            scattered(search, init, config.sigma, config.beta, generators),
            partial(search_energy, penalty=config.penalty),
            learning_rate=config.learning_rate,
        )
        return search.plan()


def scattered(
    search: Search,
    init: Float[Tensor, "B H A"] | None,
    sigma: float,
    beta: float,
    generators: Sequence[torch.Generator],
) -> Float[Tensor, "B S H A"]:
    """Starts of a descent: rest, `init`, and coloured noise around the latter."""
    seeds = seed_plans(search.state, init, search.horizon, search.action_dim)
    count = search.amount.samples
    around = Gaussian.around(seeds[:, -1], sigma)
    fresh = around.draw(generators, max(count - seeds.shape[1], 0), beta)
    return torch.cat([seeds, fresh], dim=1)[:, :count]
