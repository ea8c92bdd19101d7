"""Does everybody minimise the same cost, and does the adapter say what telos says?"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from stable_worldmodel.solver import CEMSolver, LagrangianSolver, Solver
from torch import Tensor

from others.question import Effort, Question
from others.states import first_question
from telos.actor import ICEM, ICEMConfig
from telos.actor.scoring import score
from telos.adapters.stable_worldmodel import ImaginedCost, PlanConfig, PlannerSolver
from telos.agent import load_agent
from telos.cost import KeepOutDisc

EFFORT = Effort(samples=32, iterations=3, horizon=10)
COUNT = 4


@torch.no_grad()
def step_by_step(run: Path) -> float:
    """Largest difference between costs of whole plans and of the same step by step."""
    question = first_question(run, COUNT, EFFORT)
    shape = COUNT, EFFORT.samples, *question.init.shape[1:]
    actions = 2 * torch.rand(shape, generator=torch.Generator().manual_seed(0)) - 1
    latent = question.state.expand(-1, EFFORT.samples, -1)
    total = torch.zeros(shape[:2])
    for step in range(EFFORT.horizon):
        after = question.step(latent.flatten(0, 1), actions[:, :, step].flatten(0, 1))
        latent = after.view_as(latent)
        total += question.weight(step) * question.distance(latent)
    return float((total - question.cost(actions)).abs().max())


def round_trip(run: Path) -> float:
    """Largest difference of cost or constraint between the adapter and telos.

    The library's own solvers ask our cost model through the adapter, with a zone to
    keep out of; a planner of telos stands in for a solver.
    """
    question = first_question(run, COUNT, EFFORT)
    readout = load_agent(run).readouts["position"]
    zone = KeepOutDisc(readout=readout, center=(32.0, 32.0), radius=8.0)
    spy = _Spy(question, zone)
    more: dict[str, Any] = {"batch_size": COUNT, "num_samples": EFFORT.samples}
    ours = ICEM(ICEMConfig(horizon=EFFORT.horizon, samples=EFFORT.samples))
    solvers = [
        CEMSolver(spy, n_steps=3, topk=4, **more),
        LagrangianSolver(spy, n_steps=3, n_outer_steps=2, **more),
        PlannerSolver(spy, ours),
    ]
    answers = [_solve(solver, question) for solver in solvers]
    planned = score(_imagined(question, answers[-1]["actions"]), question.objective, [])
    told = torch.tensor(answers[-1]["costs"])
    return max(spy.largest, float((planned.cost[:, 0] - told).abs().max()))


class _Spy:
    """Our cost model; compares all that it answers with what telos says."""

    def __init__(self, question: Question, zone: KeepOutDisc) -> None:
        self.question, self.zone, self.largest = question, zone, 0.0
        self._model = ImaginedCost(
            dynamics=question.dynamics,
            objective=lambda info: question.objective,
            guardrails=[zone],
        )

    def get_cost(self, info_dict: Any, action_candidates: Tensor) -> Tensor:
        """As the adapter has it."""
        cost = self._model.get_cost(info_dict, action_candidates)
        actions = action_candidates.clamp(-1.0, 1.0)
        rollout = self.question.dynamics.rollout(self.question.state, actions)
        self._compare(cost, score(rollout, self.question.objective, []).cost)
        return cost

    def get_constraints(self, info_dict: Any, action_candidates: Tensor) -> Tensor:
        """As the adapter has it."""
        constraints = self._model.get_constraints(info_dict, action_candidates)
        actions = action_candidates.clamp(-1.0, 1.0)
        rollout = self.question.dynamics.rollout(self.question.state, actions)
        self._compare(constraints, -self.zone.margin(rollout)[:, :, 0])
        return constraints

    def _compare(self, found: Tensor, wanted: Tensor) -> None:
        assert found.shape == wanted.shape
        self.largest = max(self.largest, float((found - wanted).detach().abs().max()))


def _solve(solver: Any, question: Question) -> dict[str, Any]:
    count, horizon, action_dim = question.init.shape
    solver.configure(
        action_space=Box(-1.0, 1.0, (count, action_dim), np.float32),
        n_envs=count,
        config=PlanConfig(horizon=horizon),
    )
    assert isinstance(solver, Solver), f"{solver} is no solver to the library"
    with contextlib.redirect_stdout(io.StringIO()):
        return solver.solve({"state": question.state}, init_action=question.init)


def _imagined(question: Question, plan: Tensor) -> Any:
    return question.dynamics.rollout(question.state, plan[:, None])
