"""A planner of telos as a solver of stable-worldmodel, for any of its cost models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.adapters.stable_worldmodel.protocol import (
    CostModel,
    Info,
    margins_from,
    with_candidates,
)
from telos.cost import ObjectiveAlgebra, Terminal
from telos.data.actions import ActionScale
from telos.types import Planner, Trajectory


class PlannerSolver:
    """Searches with a planner where stable-worldmodel expects a solver.

    The model is asked for costs, and for constraints if it has any, and for nothing
    else. So every planner works that compares whole plans; one that looks at single
    steps (GRASP) is refused. The answer is a candidate that was evaluated, and says
    itself whether it keeps the constraints: ``status``.

    Args:
        model: Anything with ``get_cost`` and, if it has constraints,
            ``get_constraints``; descents need costs with a gradient.
        planner: Made for the horizon, and for as many numbers per step as
            ``action_dim``.
        seed: Of the environments' randomness.
        device: Where the model wants its candidates.
    """

    def __init__(
        self,
        model: CostModel,
        planner: Planner,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.model, self.planner, self.seed = model, planner, seed
        self.device = torch.device(device)
        self._scale: ActionScale | None = None

    def configure(self, *, action_space: Any, n_envs: int, config: Any) -> None:
        """Say where, for how many environments and how far ahead.

        Raises:
            ValueError: If an action has no finite bounds.
        """
        self._n_envs, self._config = n_envs, config
        # The box is that of one environment step; a model step is a block of them.
        low = np.tile(np.ravel(action_space.low[0]), config.action_block)
        high = np.tile(np.ravel(action_space.high[0]), config.action_block)
        self._scale = ActionScale(low, high)
        seeds = range(self.seed, self.seed + n_envs)
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    @property
    def action_dim(self) -> int:
        """Numbers per model step."""
        return len(self._configured.low)

    @property
    def n_envs(self) -> int:
        """Environments B that it was configured for."""
        return self._n_envs

    @property
    def horizon(self) -> int:
        """Model steps H."""
        return self._config.horizon

    def __call__(self, info_dict: Info, init_action: Tensor | None = None) -> dict:
        """The same as `solve`."""
        return self.solve(info_dict, init_action)

    def solve(self, info_dict: Info, init_action: Tensor | None = None) -> dict:
        """Plan for the environments of an info, which may be some of all.

        Args:
            info_dict: (B, ...) by name.
            init_action: (B, t, A) beginning of the plan to start from, t <= H.

        Returns:
            ``actions`` (B, H, A) in the units of the action space, ``costs`` (B,) as a
            list, ``status`` (B,) certified or infeasible, ``margins`` (B,) smallest
            margin over constraints (infinite without one), and ``evaluations`` of the
            model per environment.

        Raises:
            ValueError: If the planner was made for another horizon or action.
        """
        scale = self._configured
        count = len(next(iter(info_dict.values())))
        asked = _Asked(self.model, info_dict, count, scale)
        plan = self.planner.plan(
            asked,
            torch.zeros(count, 1, 1, device=self.device),
            Terminal(_Cost()),
            [_Constraints(type(self.model).__qualname__)] if asked.guarded else [],
            init=self._init(init_action, count),
            generators=self._generators[:count],
        )
        self._require_shape(plan.actions)
        margins = plan.margins.get(_Constraints.name, torch.full((count,), torch.inf))
        return {
            "actions": scale.from_unit(plan.actions).cpu(),
            "costs": plan.cost.tolist(),
            "status": list(plan.status),
            "margins": margins.tolist(),
            "evaluations": plan.evaluations,
        }

    @property
    def _configured(self) -> ActionScale:
        if self._scale is None:
            raise ValueError("the solver knows no action space; call configure first.")
        return self._scale

    def _init(self, given: Tensor | None, count: int) -> Tensor | None:
        """The warm start in [-1, 1]; after its end comes rest."""
        if given is None:
            return None
        known = self._configured.to_unit(given.detach().cpu().float()).clamp(-1.0, 1.0)
        init = torch.zeros(count, self.horizon, self.action_dim)
        init[:, : known.shape[1]] = known
        return init.to(self.device)

    def _require_shape(self, actions: Tensor) -> None:
        expected = self.horizon, self.action_dim
        if tuple(actions.shape[1:]) != expected:
            raise ValueError(
                f"the planner plans (H, A) = {tuple(actions.shape[1:])}, but was "
                f"configured for {expected}; make it with this horizon and action_dim."
            )


@dataclass(frozen=True)
class _Asked:
    """A cost model as dynamics: a state is what the model says of the whole plan.

    States are (B, S, 1, H+1, 1+C): cost and constraints, the same at every step, so
    that cost and guardrail read one answer.
    """

    model: CostModel
    info: Info
    count: int
    scale: ActionScale

    @property
    def guarded(self) -> bool:
        return hasattr(self.model, "get_constraints")

    def rollout(
        self,
        state: Tensor,
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """See `telos.types.Dynamics`."""
        if len(actions) != self.count:
            raise ValueError(
                "this planner imagines single steps, but a cost model only judges "
                "whole plans; choose a planner other than GRASP."
            )
        samples, horizon = actions.shape[1:3]
        told = with_candidates(self.info, samples)
        scaled = self.scale.from_unit(actions)
        verdict = self.model.get_cost(told, scaled)[..., None]
        if self.guarded:
            constraints = self.model.get_constraints(told, scaled)  # type: ignore[attr-defined]
            verdict = torch.cat([verdict, constraints], dim=-1)
        states = verdict[:, :, None, None].expand(-1, -1, futures, horizon + 1, -1)
        return Trajectory(states=states, actions=actions)


@dataclass(frozen=True, eq=False)
class _Cost(ObjectiveAlgebra):
    """What the model said that a plan costs."""

    name: str = "cost"

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        return trajectory.future[..., 0]


@dataclass(frozen=True)
class _Constraints:
    """What the model said of its constraints."""

    model: str
    name = "constraints"
    unit = "as the model has it"

    @property
    def digest(self) -> str:
        """Only the model's name: what decides its constraints cannot be known."""
        return self.model

    def margin(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """The smallest over constraints; infinite if there is none after all."""
        margins = margins_from(trajectory.future[..., 1:])
        if margins.shape[-1] == 0:
            return torch.full_like(trajectory.future[..., 0], torch.inf)
        return margins.amin(-1)
