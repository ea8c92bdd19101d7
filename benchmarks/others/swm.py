"""Solvers of stable-worldmodel 0.1.1, all environments in one batch.

In episodes they search through telos's adapter. Timed is the solver alone, with a cost
model that does no more than imagine and add up: the adapter evaluates the answer once
more, which is our business and not the solver's.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from stable_worldmodel.solver import CEMSolver, ICEMSolver, MPPISolver
from torch import Tensor

from others.question import Effort, Propose, Question
from telos.actor import SearchConfig
from telos.adapters.stable_worldmodel import PlanConfig, SolverPlanner, SolverRequest

Make = Callable[..., Any]


@dataclass(frozen=True)
class Chosen:
    """A solver with the settings that did best on development episodes."""

    make: Make
    settings: Mapping[str, Any]
    elites: float
    """Share of the candidates that a round keeps."""

    def solver(
        self, model: Any, batch: int, samples: int, iterations: int, seed: int
    ) -> Any:
        """The solver for one request."""
        return self.make(
            model,
            batch_size=batch,
            num_samples=samples,
            n_steps=iterations,
            topk=max(2, round(self.elites * samples)),
            seed=seed,
            **self.settings,
        )


SOLVERS = {
    "stable-worldmodel CEM": Chosen(CEMSolver, {"var_scale": 0.7}, 0.1),
    "stable-worldmodel iCEM": Chosen(ICEMSolver, {"var_scale": 0.7}, 0.05),
    "stable-worldmodel MPPI": Chosen(
        MPPISolver, {"var_scale": 0.5, "temperature": 0.01}, 1.0
    ),
}


def planner(chosen: Chosen, effort: Effort) -> SolverPlanner:
    """The solver as a planner, through the adapter."""

    def make(request: SolverRequest) -> Any:
        return _Quiet(
            chosen.solver(
                request.model,
                request.num_envs,
                request.samples,
                request.iterations,
                request.seed,
            )
        )

    return SolverPlanner(
        make,
        SearchConfig(
            samples=effort.samples,
            iterations=effort.iterations,
            horizon=effort.horizon,
        ),
    )


def asked(chosen: Chosen, effort: Effort) -> Propose:
    """The solver alone, made once and used for every decision."""
    model = _Cost()
    made: dict[int, Any] = {}

    def propose(question: Question) -> Tensor:
        model.question = question
        count, horizon, action_dim = question.init.shape
        if count not in made:
            made[count] = chosen.solver(
                model, count, effort.samples, effort.iterations, question.seed
            )
            made[count].configure(
                action_space=Box(-1.0, 1.0, (count, action_dim), np.float32),
                n_envs=count,
                config=PlanConfig(horizon=horizon),
            )
        with contextlib.redirect_stdout(io.StringIO()):
            answer = made[count].solve(
                {"state": question.state}, init_action=question.init
            )
        return answer["actions"]

    return propose


class _Cost:
    """Imagines and adds up, and nothing else."""

    question: Question

    def get_cost(self, info_dict: Any, action_candidates: Tensor) -> Tensor:
        return self.question.clock.inside(self.question.cost)(action_candidates)


class _Quiet:
    """A solver that does not print a line per decision."""

    def __init__(self, solver: Any) -> None:
        self._solver, self.configure = solver, solver.configure

    def solve(self, info_dict: Any, init_action: torch.Tensor | None = None) -> dict:
        with contextlib.redirect_stdout(io.StringIO()):
            return self._solver.solve(info_dict, init_action=init_action)
