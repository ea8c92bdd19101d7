"""iCEM: a cross-entropy search whose noise is coloured and whose elites survive.

Batched over environments and candidates. The answer comes from the archive of all
evaluated candidates, not from the distribution that the search ends with.

Source: Pinneri et al. 2020, "Sample-efficient Cross-Entropy Method for Real-time
Planning" (arXiv 2008.06389). Differences: the mean is a candidate like any other, rest
is always one, and a violated guardrail counts when elites are chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.cem import CEMConfig
from telos.actor.gaussian import Gaussian
from telos.actor.planner import SearchPlanner
from telos.actor.scoring import rank_for_search, take
from telos.actor.search import Search


@dataclass(frozen=True, kw_only=True)
class ICEMConfig(CEMConfig):
    """How iCEM searches. Actions are normalised to [-1, 1].

    ``samples`` is the number of candidates of the first iteration.
    """

    beta: float = 2.0
    """Colour of the noise along time: power falls with frequency as f^-beta."""
    momentum: float = 0.1
    """Share of the old mean and spread that a refit keeps."""
    gamma: float = 1.3
    """The number of candidates shrinks by this factor per iteration."""
    keep: float = 0.3
    """Share of the elites that the next iteration evaluates beside new candidates."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.keep <= 1 and self.gamma >= 1):
            raise ValueError(
                f"keep {self.keep}, gamma {self.gamma}; expected keep in [0, 1] and "
                "gamma >= 1."
            )

    def population(self, samples: int, iteration: int) -> int:
        """Candidates of an iteration."""
        shrunk = int(samples * self.gamma**-iteration)
        return min(samples, max(shrunk, 2 * self.elites))


class ICEM(SearchPlanner):
    """The default planner."""

    def __init__(self, config: ICEMConfig | None = None) -> None:
        self.config = config or ICEMConfig()
        super().__init__(self.config)

    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Draw, keep the best, refit."""
        self.elites(search, seeds, generators)

    def elites(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> Float[Tensor, "B E H A"]:
        """Look, and say what the best of the last iteration were."""
        config, amount = self.config, search.amount
        gaussian, kept = Gaussian.around(seeds[:, -1], config.sigma), seeds
        elites = seeds
        population = partial(config.population, amount.samples)
        for iteration, count in enumerate(search.rounds(population)):
            last = iteration == amount.iterations - 1
            if iteration > 0 and (last or amount.is_limited):
                # The mean becomes a candidate, to be judged like any other.
                kept = torch.cat([kept, gaussian.mean[:, None]], dim=1)
            fresh = gaussian.draw(
                generators, max(count - kept.shape[1], 0), config.beta
            )
            candidates = search.evaluate(torch.cat([kept, fresh], dim=1)[:, :count])
            order = rank_for_search(candidates.scores, config.penalty)
            elites = take(candidates.actions, order[:, : config.elites])
            gaussian = gaussian.refit(elites, config.momentum, config.min_sigma)
            kept = elites[:, : max(1, round(config.keep * config.elites))]
        return elites
