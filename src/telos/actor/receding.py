"""Receding horizon: act on the start of a plan, then plan again from where one is.

Planners are stateless. What lasts from one decision to the next lives here: the plan
that is being executed, the warm start for the next search, and the rest of the last
plan that was certified, which is what the shield falls back on.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from telos.types import (
    Certified,
    Dynamics,
    Guardrail,
    Objective,
    Plan,
    Planner,
)


class RecedingHorizon:
    """The memory of one batch of environments between decisions.

    Args:
        planner: Searches.
        replan_every: Model steps for which a plan is followed before the next search.
    """

    def __init__(self, planner: Planner, *, replan_every: int = 1) -> None:
        if replan_every < 1:
            raise ValueError(f"replan_every is {replan_every}; expected at least 1.")
        self.planner = planner
        self.replan_every = replan_every
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new batch of episodes starts."""
        self.drop_plan()
        self._backup: Tensor | None = None

    def drop_plan(self) -> None:
        """Forget where the plan leads, not how to stay safe: the goal has changed."""
        self._plan: Plan | None = None
        self._age = 0
        self._intended: Tensor | None = None

    @property
    def due(self) -> bool:
        """Whether the next action needs a new plan: none, old or used up."""
        if self._plan is None:
            return True
        return self._age >= min(self.replan_every, self._plan.actions.shape[1])

    @property
    def plan(self) -> Plan:
        """The plan that is being followed, as it was made."""
        if self._plan is None:
            raise ValueError("there is no plan yet; call replan first.")
        return self._plan

    @property
    def intended(self) -> Float[Tensor, "B H A"]:
        """What is left of the plan, starting now; after its end comes rest."""
        if self._intended is None:
            raise ValueError("there is no plan yet; call replan first.")
        return self._intended

    @property
    def backup(self) -> Float[Tensor, "B H A"] | None:
        """What is left of the last certified plans, starting now; else rest."""
        return self._backup

    def replan(
        self,
        dynamics: Dynamics,
        state: Float[Tensor, "B T D"],
        objective: Objective,
        guardrails: Sequence[Guardrail],
        generators: Sequence[torch.Generator],
        init: Float[Tensor, "B H A"] | None = None,
    ) -> Plan:
        """Search again, from ``init`` or else from what is left of the current plan."""
        plan = self.planner.plan(
            dynamics,
            state,
            objective,
            guardrails,
            init=self._intended if init is None else init,
            generators=generators,
        )
        self._plan, self._intended, self._age = plan, plan.actions, 0
        return plan

    def advance(self, certified: Certified | None = None) -> None:
        """One model step has been executed.

        Args:
            certified: The shield's answer. Where it let the plan pass, the rest of that
                plan is the new backup; elsewhere the old backup moves on. None if
                there is no shield: then there is no backup.
        """
        intended = self.intended
        if certified is not None:
            passed = torch.tensor(
                [status == "certified" for status in certified.status],
                device=intended.device,
            )[:, None, None]
            old = torch.zeros_like(intended) if self._backup is None else self._backup
            self._backup = shift(torch.where(passed, intended, old))
        self._intended = shift(intended)
        self._age += 1


def shift(actions: Float[Tensor, "B H A"]) -> Float[Tensor, "B H A"]:
    """The same plan one step later; rest is appended."""
    return torch.cat([actions[:, 1:], torch.zeros_like(actions[:, :1])], dim=1)
