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

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.noise import coloured_noise
from telos.actor.scoring import rank_for_search, take
from telos.actor.search import Search, SearchConfig, require_positive
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


@dataclass(frozen=True, kw_only=True)
class ICEMConfig(SearchConfig):
    """How iCEM searches. Actions are normalised to [-1, 1].

    ``samples`` is the number of candidates of the first iteration.
    """

    elites: int = 8
    """Best candidates that the distribution is refitted to."""
    momentum: float = 0.1
    """Share of the old mean and spread that a refit keeps."""
    sigma: float = 0.7
    """Standard deviation of the first iteration."""
    min_sigma: float = 0.02
    """Floor of the spread, so that the search never freezes."""
    gamma: float = 1.3
    """The number of candidates shrinks by this factor per iteration."""
    keep: float = 0.3
    """Share of the elites that the next iteration evaluates beside new candidates."""
    penalty: float = 1.0
    """Price of a violation while searching, see `rank_for_search`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(elites=self.elites, sigma=self.sigma)
        if not (0 <= self.momentum < 1 and 0 <= self.keep <= 1 and self.gamma >= 1):
            raise ValueError(
                f"momentum {self.momentum}, keep {self.keep}, gamma {self.gamma}; "
                "expected momentum in [0, 1), keep in [0, 1] and gamma >= 1."
            )

    def population(self, samples: int, iteration: int) -> int:
        """Candidates of an iteration."""
        shrunk = int(samples * self.gamma**-iteration)
        return min(samples, max(shrunk, 2 * self.elites))


@dataclass(frozen=True, kw_only=True)
class _Proposal:
    """What the next candidates are drawn around."""

    mean: Float[Tensor, "B H A"]
    std: Float[Tensor, "B H A"]
    kept: Float[Tensor, "B S H A"]
    """Candidates that enter the next population as they are."""


class ICEM:
    """The default planner."""

    def __init__(self, config: ICEMConfig | None = None) -> None:
        self.config = config or ICEMConfig()

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
            config, dynamics, state, objective, guardrails, init, generators
        )
        amount = config.amount(budget)
        proposal = self._start(state, init)
        for iteration in range(amount.iterations):
            if iteration == amount.iterations - 1 and iteration > 0:
                proposal = _with_mean(proposal)
            count = config.population(amount.samples, iteration)
            actions = self._draw(proposal, count, generators)
            candidates = search.evaluate(actions)
            order = rank_for_search(candidates.scores, config.penalty)
            elites = take(candidates.actions, order[:, : config.elites])
            proposal = self._refit(proposal, elites)
        return search.plan(candidates)

    def _start(self, state: Tensor, init: Tensor | None) -> _Proposal:
        """Around the warm start if there is one; rest is a candidate in any case."""
        config = self.config
        rest = state.new_zeros(len(state), config.horizon, config.action_dim)
        mean = rest if init is None else init.clamp(-1.0, 1.0)
        kept = [rest] if init is None else [rest, mean]
        return _Proposal(
            mean=mean,
            std=torch.full_like(rest, config.sigma),
            kept=torch.stack(kept, dim=1),
        )

    def _draw(
        self, proposal: _Proposal, count: int, generators: Sequence[torch.Generator]
    ) -> Float[Tensor, "B S H A"]:
        """Kept candidates first, then new ones, clipped to the action bounds."""
        config = self.config
        fresh = max(count - proposal.kept.shape[1], 0)
        noise = coloured_noise(
            generators,
            fresh,
            config.horizon,
            config.action_dim,
            config.beta,
            device=proposal.mean.device,
        )
        actions = proposal.mean[:, None] + proposal.std[:, None] * noise
        return torch.cat([proposal.kept, actions.clamp(-1.0, 1.0)], dim=1)

    def _refit(self, proposal: _Proposal, elites: Tensor) -> _Proposal:
        """Move mean and spread towards the elites, and keep the best of them."""
        config = self.config
        std = elites.std(dim=1, correction=0)
        num_kept = max(1, round(config.keep * config.elites))
        return _Proposal(
            mean=torch.lerp(elites.mean(1), proposal.mean, config.momentum),
            std=torch.lerp(std, proposal.std, config.momentum).clamp_min(
                config.min_sigma
            ),
            kept=elites[:, :num_kept],
        )


def _with_mean(proposal: _Proposal) -> _Proposal:
    """The mean becomes a candidate, to be judged like any other."""
    kept = torch.cat([proposal.kept, proposal.mean[:, None]], dim=1)
    return _Proposal(mean=proposal.mean, std=proposal.std, kept=kept)
