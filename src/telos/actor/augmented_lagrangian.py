"""Augmented Lagrangian: descent that pays for each violated guardrail until it is not.

With the violation g = -margin of a guardrail, a multiplier l >= 0 and a weight r, every
candidate descends on

    cost + sum over guardrails of (max(0, l + r g)^2 - l^2) / (2 r),

and after some steps l becomes max(0, l + r g). Multipliers belong to a candidate and
a guardrail: shared ones let a safe candidate cancel out an unsafe one. The weight grows
only where a violation has not shrunk.

Source: Powell 1969, Hestenes 1969, Rockafellar 1973 (PHR form). It finds a stationary
point of the *model's* problem; the answer still comes from the archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.archive import Candidates
from telos.actor.descent import descend
from telos.actor.gradient import GradientConfig, scattered
from telos.actor.scoring import Scores
from telos.actor.search import Search, require_positive
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


@dataclass(frozen=True, kw_only=True)
class AugmentedLagrangianConfig(GradientConfig):
    """How the augmented Lagrangian searches."""

    iterations: int = 40
    """Steps of every start."""
    learning_rate: float = 0.05
    """Of Adam, in units of actions: near a limit small steps pay."""
    every: int = 5
    """Steps between updates of the multipliers."""
    weight: float = 1.0
    """First weight of squared violations, in units of the costs' spread."""
    growth: float = 4.0
    """Factor on the weight where a violation did not shrink."""
    shrunk: float = 0.5
    """Share of its last size to which a violation has to shrink."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(every=self.every, weight=self.weight)
        if not (self.growth >= 1 and 0 < self.shrunk < 1):
            raise ValueError(
                f"growth is {self.growth} and shrunk {self.shrunk}; expected growth of "
                "at least 1 and shrunk between 0 and 1."
            )


class AugmentedLagrangian:
    """Gradient planning with a multiplier per candidate and guardrail."""

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
        prices = _Prices(config)
        descend(
            search,
            scattered(search, init, config.sigma, config.beta, generators),
            prices.energy,
            learning_rate=config.learning_rate,
            clip=config.clip,
            after_step=prices.update,
        )
        return search.plan()


class _Prices:
    """Multipliers (B, S, G) and weights of one call."""

    def __init__(self, config: AugmentedLagrangianConfig) -> None:
        self.config = config
        self.multipliers: Tensor | None = None
        self.weights = self.last = torch.empty(0)
        self.steps = 0

    def energy(self, scores: Scores) -> Float[Tensor, "B S"]:
        """Cost and what violations cost at the present prices."""
        if scores.margins.shape[-1] == 0:
            return scores.cost
        excess = _excess(scores)
        if self.multipliers is None:
            self._begin(scores, excess.detach())
        assert self.multipliers is not None
        due = (self.multipliers + self.weights * excess).clamp_min(0.0)
        paid = (due.square() - self.multipliers.square()) / (2 * self.weights)
        return scores.cost + paid.sum(-1)

    def update(self, actions: Tensor, candidates: Candidates) -> None:
        """Raise or lower the prices after every few steps."""
        self.steps += 1
        if self.multipliers is None or self.steps % self.config.every:
            return
        excess = _excess(candidates.scores)
        due = self.multipliers + self.weights * excess
        self.multipliers = due.clamp_min(0.0)
        violation = excess.clamp_min(0.0)
        stuck = (violation > self.config.shrunk * self.last) & (violation > 0)
        self.weights = torch.where(
            stuck, self.config.growth * self.weights, self.weights
        )
        self.last = violation

    def _begin(self, scores: Scores, excess: Tensor) -> None:
        """The unit of the weight: the costs' spread per squared distance to a limit."""
        cost = scores.cost.detach()
        known = torch.where(torch.isfinite(cost), cost, torch.nan)
        gap = known.nanmedian(1).values - cost.amin(1)
        gap = torch.maximum(gap, 1e-3 * (1 + cost.amin(1).abs())).nan_to_num(1.0)
        distance = excess.abs().amax(1).clamp_min(1e-6)
        unit = gap[:, None] / distance.square()
        self.multipliers = torch.zeros_like(excess)
        self.weights = (self.config.weight * unit)[:, None].expand_as(excess).clone()
        self.last = torch.full_like(excess, torch.inf)


def _excess(scores: Scores) -> Float[Tensor, "B S G"]:
    """By how much each guardrail is violated; negative where it holds."""
    known = torch.isfinite(scores.margins)
    return torch.where(known, -scores.margins, 0.0)
