"""A solver of stable-worldmodel as a planner: it proposes, telos judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.planner import SearchPlanner
from telos.actor.search import Search
from telos.actor.settings import SearchConfig
from telos.adapters.stable_worldmodel.costs import ImaginedCost
from telos.adapters.stable_worldmodel.protocol import PlanConfig, Solver
from telos.types import Trajectory


@dataclass(frozen=True, kw_only=True)
class SolverRequest:
    """What a solver has to be made with."""

    model: ImaginedCost
    num_envs: int
    """Environments B that it must solve for at once: its ``batch_size``."""
    samples: int
    """Candidates per iteration."""
    iterations: int
    """Rounds, or steps of a descent."""
    seed: int
    """Drawn from the planner's generators."""


class SolverPlanner(SearchPlanner):
    """Asks a solver, and evaluates what it answers.

    Nothing that the solver says of its answer is believed. The answer is clipped to
    [-1, 1], imagined once more, and the status of the plan is what the guardrails say
    of it. It is the solver's plan all the same: better candidates that it saw on its
    way are not kept. An environment whose answer is not finite rests.

    Unlike a planner of telos, a solver has one seed for all environments, so that what
    it proposes for one depends on those beside it.

    Args:
        make_solver: Makes the solver of a request; a new one for every plan, so that
            nothing is carried over from one decision or episode to the next.
        settings: Horizon, candidates, rounds and futures.
    """

    def __init__(
        self, make_solver: Callable[[SolverRequest], Solver], settings: SearchConfig
    ) -> None:
        super().__init__(settings)
        self._make_solver = make_solver

    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Let the solver search, starting from the newest seed."""
        if search.amount.is_limited:
            raise ValueError(
                "a solver of stable-worldmodel cannot be stopped after a number of "
                "evaluations or seconds; limit samples and iterations instead."
            )
        source = generators[0]
        seed = torch.randint(2**31, (), generator=source, device=source.device)
        answer = self._ask(search, seeds[:, -1], int(seed))
        search.evaluate(_usable(answer, search)[:, None])

    def _ask(self, search: Search, init: Tensor, seed: int) -> Any:
        solver = self._make_solver(
            SolverRequest(
                model=ImaginedCost(
                    dynamics=_Counted(search),
                    objective=lambda info: search.objective,
                    guardrails=search.guardrails,
                    futures=search.futures,
                    futures_seed=search.futures_seed,
                    tail=search.tail,
                ),
                num_envs=len(search.state),
                samples=search.amount.samples,
                iterations=search.amount.iterations,
                seed=seed,
            )
        )
        solver.configure(
            action_space=_bounds(len(search.state), search.action_dim),
            n_envs=len(search.state),
            config=PlanConfig(horizon=search.horizon),
        )
        # Solvers that descend need gradients, which planning does without.
        with torch.enable_grad():
            answer = solver.solve({"state": search.state}, init_action=init)
        return answer["actions"]


@dataclass(frozen=True)
class _Counted:
    """The dynamics of a search, which pays for every step that is imagined."""

    search: Search

    def rollout(
        self,
        state: Tensor,
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """See `telos.types.Dynamics`; state and futures are those of the search."""
        wanted = len(self.search.state)
        if len(actions) != wanted:
            raise ValueError(
                f"the solver asked about {len(actions)} of {wanted} environments; make "
                "it with batch_size=request.num_envs, so that it asks about all."
            )
        return self.search.imagine(actions)


def _bounds(num_envs: int, action_dim: int) -> Any:
    from gymnasium.spaces import Box

    return Box(-1.0, 1.0, (num_envs, action_dim), np.float32)


def _usable(answer: Any, search: Search) -> Float[Tensor, "B H A"]:
    """The answer within bounds; rest where it is not finite."""
    expected = len(search.state), search.horizon, search.action_dim
    if not isinstance(answer, Tensor) or answer.shape != expected:
        found = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer)
        raise ValueError(
            f"the solver answered with actions {found}, expected a tensor (B, H, A) = "
            f"{expected}."
        )
    actions = answer.detach().to(search.state)
    finite = torch.isfinite(actions).flatten(1).all(-1)[:, None, None]
    return torch.where(finite, actions, 0.0).clamp(-1.0, 1.0)
