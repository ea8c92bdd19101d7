"""What a planner looked at: every candidate with its cost, and the one it picked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from telos.types import (
    Budget,
    Dynamics,
    Guardrail,
    Objective,
    Plan,
    Planner,
    Trajectory,
)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """All candidates of one decision in B environments."""

    actions: Float[Tensor, "B S H A"]
    cost: Float[Tensor, "B S"]
    """As the planner was told; infinite where it was not finite."""
    picked: Float[Tensor, "B H A"]


@dataclass(eq=False)
class _Overheard:
    """An objective that writes down what it is asked."""

    objective: Objective
    actions: list[Tensor] = field(default_factory=list)
    costs: list[Tensor] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.objective.name

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        energy = self.objective(trajectory)
        cost = energy.detach().mean(2).sum(-1)
        self.actions.append(trajectory.actions.detach())
        self.costs.append(cost.nan_to_num(torch.inf, torch.inf, torch.inf))
        return energy

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        return self.objective.terms(trajectory)


class WatchedPlanner:
    """A planner whose decisions can be looked into; it decides as if alone.

    Args:
        planner: Any planner.
    """

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._pool: Pool | None = None

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
        """The plan of the planner; its candidates are kept for `take`."""
        overheard = _Overheard(objective)
        plan = self._planner.plan(
            dynamics,
            state,
            overheard,
            guardrails,
            init=init,
            budget=budget,
            generators=generators,
        )
        self._pool = Pool(
            actions=torch.cat(overheard.actions, 1),
            cost=torch.cat(overheard.costs, 1),
            picked=plan.actions,
        )
        return plan

    def take(self) -> Pool | None:
        """What the newest decision was made from; None if it was taken already."""
        pool, self._pool = self._pool, None
        return pool
