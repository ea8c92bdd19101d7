"""What candidates are worth: cost and margins of one rollout, and who is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from telos.types import Guardrail, Objective, Trajectory

TIE_BREAK = 0.01
"""Weight of the mean depth of a violation beside its worst depth."""
TIED = 1e-3
"""Violations that differ by less than this share are the same."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Verdict on S candidates of B environments."""

    cost: Float[Tensor, "B S"]
    """Mean over futures of the energy summed over steps; infinite if unknown."""
    along: Float[Tensor, "B S G H"]
    """Margin of each guardrail in the futures that count, per step; -inf if unknown."""
    violation: Float[Tensor, "B S"]
    """Depth of the violation, 0 without one; infinite if unknown."""
    feasible: Bool[Tensor, "B S"]
    """Finite, and every margin is positive."""

    @property
    def margins(self) -> Float[Tensor, "B S G"]:
        """Smallest margin of each guardrail over steps and futures."""
        return self.along.amin(-1)

    @property
    def margin(self) -> Float[Tensor, "B S"]:
        """Smallest margin over guardrails; infinite where there is none."""
        return smallest_margin(self.margins)

    def detach(self) -> Scores:
        """The same without a gradient."""
        return Scores(
            cost=self.cost.detach(),
            along=self.along.detach(),
            violation=self.violation.detach(),
            feasible=self.feasible,
        )

    def take(self, index: Int[Tensor, "B S2"]) -> Scores:
        """Those at the given positions along S."""
        return Scores(
            cost=take(self.cost, index),
            along=take(self.along, index),
            violation=take(self.violation, index),
            feasible=take(self.feasible, index),
        )

    def replaced(self, where: Bool[Tensor, " B"], other: Scores) -> Scores:
        """Those of the other set in some environments."""
        return Scores(
            cost=choose(where, other.cost, self.cost),
            along=choose(where, other.along, self.along),
            violation=choose(where, other.violation, self.violation),
            feasible=choose(where, other.feasible, self.feasible),
        )

    def join(self, other: Scores) -> Scores:
        """Both sets, along S."""
        return Scores(
            cost=torch.cat([self.cost, other.cost], 1),
            along=torch.cat([self.along, other.along], 1),
            violation=torch.cat([self.violation, other.violation], 1),
            feasible=torch.cat([self.feasible, other.feasible], 1),
        )


def take(values: Tensor, index: Int[Tensor, "B S2"]) -> Tensor:
    """(B, S, ...) values at (B, S2) positions along S."""
    return values[torch.arange(len(index), device=index.device)[:, None], index]


def choose(where: Bool[Tensor, " B"], there: Tensor, elsewhere: Tensor) -> Tensor:
    """(B, ...) values of one set in some environments, of the other in the rest."""
    return torch.where(where.view(-1, *[1] * (there.ndim - 1)), there, elsewhere)


def score(
    trajectory: Trajectory,
    objective: Objective,
    guardrails: Sequence[Guardrail],
    tail: float = 0.0,
) -> Scores:
    """Read cost and margins from a rollout; what is not finite is worth nothing.

    Raises:
        ValueError: If an objective or a guardrail returns a wrong shape.
    """
    energy = objective(trajectory)
    _require_shape(objective.name, energy, trajectory)
    cost = energy.mean(2).sum(-1)
    finite = torch.isfinite(cost) & _finite_states(trajectory)
    along = margins_along(trajectory, guardrails, tail)
    violation = violation_of(along)
    return Scores(
        cost=torch.where(finite, cost, math.inf),
        along=torch.where(finite[..., None, None], along, -math.inf),
        violation=torch.where(finite, violation, math.inf),
        feasible=finite & (smallest_margin(along.amin(-1)) > 0),
    )


def score_margins(
    trajectory: Trajectory, guardrails: Sequence[Guardrail], tail: float = 0.0
) -> tuple[Float[Tensor, "B S G"], Float[Tensor, "B S"]]:
    """Smallest margins, and the depth of the violation."""
    along = margins_along(trajectory, guardrails, tail)
    return along.amin(-1), violation_of(along)


def margins_along(
    trajectory: Trajectory, guardrails: Sequence[Guardrail], tail: float = 0.0
) -> Float[Tensor, "B S G H"]:
    """Margin of each guardrail in the futures that count, per step; NaN is -inf.

    Args:
        trajectory: Candidates and what they lead to.
        guardrails: What must hold.
        tail: Share of the futures, the worst ones, whose mean margin counts: the
            conditional value at risk (Rockafellar and Uryasev 2000). 0 is the single
            worst future, 1 the mean of all.

    Raises:
        ValueError: If a guardrail returns a wrong shape.
    """
    margins = []
    for guardrail in guardrails:
        margin = guardrail.margin(trajectory)
        _require_shape(guardrail.name, margin, trajectory)
        margin = margin.nan_to_num(-math.inf, math.inf, -math.inf)
        margins.append(lower_tail(margin, tail))
    if not margins:
        batch, samples, horizon = trajectory.actions.shape[:3]
        return trajectory.actions.new_zeros(batch, samples, 0, horizon)
    return torch.stack(margins, 2)


def lower_tail(
    margins: Float[Tensor, "B S K H"], tail: float
) -> Float[Tensor, "B S H"]:
    """The worst share of futures, at least one of them, in one margin per step.

    A future is as bad as its worst step, so that the smallest of the margins returned
    is the mean over those futures of their smallest margins. The mean at every step
    alone would be larger where futures are bad at different steps.
    """
    count = math.ceil(round(tail * margins.shape[2], 9))
    if count <= 1:
        return margins.amin(2)
    worst = margins.amin(-1).topk(count, dim=2, largest=False).values.mean(2)
    steps = margins.topk(count, dim=2, largest=False).values.mean(2)
    excess = (steps.amin(-1) - worst).nan_to_num(0.0)
    return steps - excess[..., None]


def violation_of(along: Float[Tensor, "B S G H"]) -> Float[Tensor, "B S"]:
    """Depth of the violation.

    That of the worst step, plus a little of the mean over steps: an environment that
    starts inside a zone has the same worst step whatever it does, and must still prefer
    the way out.
    """
    if along.shape[2] == 0:
        return along.new_zeros(along.shape[:2])
    depth = (-along).clamp_min(0.0).amax(2)
    return depth.amax(-1) + TIE_BREAK * depth.mean(-1)


def best(scores: Scores) -> Int[Tensor, " B"]:
    """The cheapest feasible candidate; without any, of those that violate least.

    What starts in a violation shares its depth with everything that leads out at once:
    if rest came first among them, an agent a hair inside a buffer would rest for ever.
    The first one wins ties, so that it is the fallback where nothing is known.
    """
    eligible = torch.where(
        scores.feasible.any(1, keepdim=True), scores.feasible, least(scores.violation)
    )
    return torch.where(eligible, scores.cost, math.inf).argmin(1)


def least(violation: Float[Tensor, "B S"]) -> Bool[Tensor, "B S"]:
    """Who violates least, up to rounding."""
    return violation <= (1 + TIED) * violation.amin(1, keepdim=True)


def rank(scores: Scores) -> Int[Tensor, "B S"]:
    """All candidates: feasible ones by cost, then by depth, unknown last."""
    by_cost = scores.cost.argsort(dim=-1, stable=True)
    depth = torch.where(scores.feasible, -1.0, scores.violation)
    by_depth = depth.gather(1, by_cost).argsort(dim=-1, stable=True)
    return by_cost.gather(1, by_depth)


def rank_for_search(scores: Scores, penalty: float) -> Int[Tensor, "B S"]:
    """Candidates from most to least promising, by `search_energy`."""
    return search_energy(scores, penalty).argsort(dim=-1, stable=True)


def search_energy(scores: Scores, penalty: float) -> Float[Tensor, "B S"]:
    """What a search goes by: a violation is paid for with cost.

    To rank by feasibility alone drives a search away from every zone, also from the way
    around it, so that plans more often end in front of it. Here the worst violation of
    the population costs `penalty` times the gap between its best and its median
    candidate: a scale that needs neither the unit of the cost nor that of the margin.
    Gradients pass through cost and violation and take that scale as given.
    """
    if scores.along.shape[2] == 0:
        return scores.cost
    known = torch.isfinite(scores.cost)
    cost = torch.where(known, scores.cost, math.nan).detach()
    cheapest = scores.cost.detach().amin(1, keepdim=True)
    gap = cost.nanmedian(dim=1, keepdim=True).values - cheapest
    # If all cost the same, the violation alone decides.
    gap = torch.maximum(gap, 1e-6 * (1 + cheapest.abs()))
    depth = torch.where(torch.isfinite(scores.violation), scores.violation, 0.0)
    share = depth / depth.detach().amax(1, keepdim=True).clamp_min(1e-12)
    return torch.where(known, scores.cost + penalty * gap * share, math.inf)


def smallest_margin(margins: Float[Tensor, "... G"]) -> Float[Tensor, "..."]:
    """Minimum over guardrails; infinite where there is none."""
    if margins.shape[-1] == 0:
        return torch.full(margins.shape[:-1], math.inf, device=margins.device)
    return margins.amin(-1)


def _finite_states(trajectory: Trajectory) -> Bool[Tensor, "B S"]:
    # One sum instead of a test per number: NaN and infinity survive it.
    return torch.isfinite(trajectory.states.sum((2, 3, 4)))


def _require_shape(name: str, values: Tensor, trajectory: Trajectory) -> None:
    expected = trajectory.future.shape[:-1]
    if values.shape != expected:
        raise ValueError(
            f"{name!r} returned shape {tuple(values.shape)}, expected (B, S, K, H) = "
            f"{tuple(expected)}."
        )
