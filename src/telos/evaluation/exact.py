"""The ceiling's actor: plans with a world's exact dynamics and its true metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from telos.actor.icem import ICEM, ICEMConfig
from telos.cost.readout import ReadOut, identity_readout
from telos.data.actions import ActionScale
from telos.envs.world import Goal, GoalWorld, Step, WorldSpec
from telos.evaluation.results import Decision
from telos.evaluation.zones import guardrails_of
from telos.types import Guardrail, Plan

REPLAN_EVERY = 4
"""Steps executed per plan: with exact dynamics what was planned is what happens."""
BUFFER = 0.05
"""Kept from a limit, so that rounding never violates it, world units."""


class ExactActor:
    """iCEM on the exact dynamics of the running episodes.

    What it fails at is the fault of the search or of the budget, never of a model: it
    is the ceiling for every learned model that plans with the same search.
    """

    def __init__(
        self,
        world: GoalWorld,
        *,
        guarded: bool = True,
        config: ICEMConfig | None = None,
    ) -> None:
        """Take the world that will be acted in.

        Args:
            world: Offers ``oracle`` and ``exact_state``.
            guarded: Whether the zones of the episodes are respected.
            config: Of the search.
        """
        self._world, self._guarded = world, guarded
        self._planner = ICEM(config or search_of(world.spec))
        self._scale = ActionScale(world.spec.action_low, world.spec.action_high)
        self._plan: Plan | None = None
        self._age = 0

    def reset(self, seeds: Sequence[int], goal: Goal) -> None:
        """Take the exact dynamics and the zones of the episodes just started."""
        self._dynamics, self._objective = self._world.oracle(goal)
        self._guardrails = self._rails() if self._guarded else ()
        self._generators = [torch.Generator().manual_seed(int(s)) for s in seeds]
        self._plan, self._age = None, 0

    def act(self, step: Step) -> np.ndarray:
        """(B, A) next actions of the plan, renewed every ``REPLAN_EVERY`` steps."""
        self._age = (self._age + 1) % REPLAN_EVERY
        if self._plan is None or self._age == 0:
            self._plan, self._age = self._search(self._plan), 0
        return self._scale.from_unit(self._plan.actions[:, self._age].cpu().numpy())

    def record(self) -> Decision | None:
        """The newest plan if the last action was its first."""
        if self._plan is None or self._age > 0:
            return None
        where = self._world.exact_dims.get("position")
        positions = None if where is None else self._plan.states[..., list(where)]
        actions = self._scale.from_unit(self._plan.actions.cpu().numpy())
        return decision_of(self._plan, actions, positions)

    def _search(self, old: Plan | None) -> Plan:
        state = torch.as_tensor(self._world.exact_state(), dtype=torch.float32)
        return self._planner.plan(
            self._dynamics,
            state,
            self._objective,
            self._guardrails,
            init=None if old is None else shifted(old.actions, REPLAN_EVERY),
            generators=self._generators,
        )

    def _rails(self) -> tuple[Guardrail, ...]:
        readouts = exact_readouts(self._world)
        buffers = dict.fromkeys(readouts, BUFFER)
        return guardrails_of(self._world.limits(), readouts, buffers)


def search_of(spec: WorldSpec) -> ICEMConfig:
    """How the ceiling searches in a world."""
    foresight = spec.foresight
    return ICEMConfig(
        action_dim=spec.action_dim,
        horizon=foresight.horizon,
        sigma=foresight.sigma,
        samples=foresight.samples,
        iterations=foresight.iterations,
        futures=foresight.futures,
    )


def exact_readouts(world: GoalWorld, behind: int = 0) -> dict[str, ReadOut]:
    """Exact states to the labels that they hold, in the labels' units.

    Args:
        world: With running episodes.
        behind: Numbers that a state holds after those of the exact state.
    """
    dim = world.exact_state().shape[-1] + behind
    return {
        label: identity_readout(
            dim, dims, name=label, unit=world.spec.labels[label].unit
        )
        for label, dims in world.exact_dims.items()
    }


def shifted(actions: torch.Tensor, steps: int) -> torch.Tensor:
    """(B, H, A) the tail of a plan, its last action repeated: the next warm start."""
    last = actions[:, -1:].expand(-1, min(steps, actions.shape[1]), -1)
    return torch.cat([actions[:, steps:], last], dim=1)


def decision_of(
    plan: Plan, actions: np.ndarray, positions: torch.Tensor | None
) -> Decision:
    """What an evaluation keeps of a plan.

    Args:
        plan: As the planner made it.
        actions: (B, T, A) the same in the world's units.
        positions: (B, K, H+1, 2) where it leads, if that is known.
    """
    return Decision(
        status=plan.status,
        evaluations=plan.evaluations,
        margins={name: m.cpu().numpy() for name, m in plan.margins.items()},
        actions=actions,
        imagined=None if positions is None else positions.detach().cpu().numpy(),
    )
