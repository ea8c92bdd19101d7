"""What violations cost in a descent: multipliers that rise until margins hold.

With the violation g = -margin of a guardrail at a step, a multiplier l >= 0 and a
weight r, every candidate pays

    (max(0, l + r g)^2 - l^2) / (2 r)

on top of its cost, and after some steps l becomes max(0, l + r g). Multipliers belong
to a candidate, a guardrail and a step: shared ones let a safe candidate cancel out an
unsafe one, and with one for a whole plan only its worst step would feel it. A weight
grows only where a violation has not shrunk.

Source: Powell 1969, Hestenes 1969, Rockafellar 1973 (augmented Lagrangian in PHR form).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.archive import Candidates
from telos.actor.scoring import Scores
from telos.actor.search import require_positive


@dataclass(frozen=True, kw_only=True)
class PricesConfig:
    """How prices begin and rise."""

    every: int = 5
    """Steps between updates of the multipliers."""
    weight: float = 1.0
    """First weight of squared violations, in units of the costs' spread."""
    growth: float = 4.0
    """Factor on the weight where a violation did not shrink."""
    shrunk: float = 0.5
    """Share of its last size to which a violation has to shrink."""

    def __post_init__(self) -> None:
        require_positive(every=self.every, weight=self.weight)
        if not (self.growth >= 1 and 0 < self.shrunk < 1):
            raise ValueError(
                f"growth is {self.growth} and shrunk {self.shrunk}; expected growth of "
                "at least 1 and shrunk between 0 and 1."
            )


class Prices:
    """Multipliers and weights (B, S, G, H) of one call."""

    def __init__(self, config: PricesConfig) -> None:
        self.config = config
        self.multipliers: Tensor | None = None
        self.weights = self.last = torch.empty(0)
        self.steps = 0

    def energy(self, scores: Scores) -> Float[Tensor, "B S"]:
        """Cost and what violations cost at the present prices."""
        if scores.along.shape[2] == 0:
            return scores.cost
        excess = _excess(scores)
        if self.multipliers is None:
            self._begin(scores, excess.detach())
        assert self.multipliers is not None
        due = (self.multipliers + self.weights * excess).clamp_min(0.0)
        paid = (due.square() - self.multipliers.square()) / (2 * self.weights)
        return scores.cost + paid.sum((-1, -2))

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
        distance = excess.abs().amax((1, 3), keepdim=True).clamp_min(1e-6)
        unit = self.config.weight * gap[:, None, None, None] / distance.square()
        self.multipliers = torch.zeros_like(excess)
        self.weights = unit.expand_as(excess).clone()
        self.last = torch.full_like(excess, torch.inf)


def _excess(scores: Scores) -> Float[Tensor, "B S G H"]:
    """By how much each guardrail is violated; negative where it holds."""
    known = torch.isfinite(scores.along)
    return torch.where(known, -scores.along, 0.0)
