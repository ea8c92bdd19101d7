"""What planning attains in these worlds, against sequential quadratic programming."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchmarks.exact_problems import Problem, optimum

from telos.agent import PLANNERS
from telos.envs import make_world
from telos.evaluation.exact import exact_readouts
from telos.evaluation.zones import guardrails_of


def swerve(side):
    """A guess: along the way, and around on one side."""

    def plan(horizon, along):
        left = np.array([-along[1], along[0]])
        push = np.where(np.arange(horizon) < horizon // 2, 1.0, -1.0)
        turn = np.where(np.arange(horizon) % 12 < 6, side, -side)
        return 0.5 * push[:, None] * along + 0.4 * turn[:, None] * left

    return plan


@pytest.mark.parametrize("layout", ["beside", "between"])
def test_planning_among_discs_comes_near_the_best_of_both_ways(layout):
    world = make_world("discs", 1, layout=layout)
    world.reset([3])
    goal = world.sample_goals("across", [3])
    dynamics, objective = world.oracle(goal)
    rails = guardrails_of(world.limits(), exact_readouts(world))
    state = torch.from_numpy(world.exact_state()).float()
    way = goal.labels["position"][0] - state[0, 0, :2].numpy()
    along = way / np.linalg.norm(way)
    problem = Problem(
        name=layout,
        step=world._physics,
        objective=objective,
        guardrails=rails,
        horizon=16,
        action_dim=2,
        start=lambda g, n: state,
        guesses=lambda h: [swerve(s)(h, along) for s in (-1, 1)],
    )
    best = optimum(problem, state)
    planner = PLANNERS["augmented-lagrangian"](
        samples=8, iterations=100, horizon=16, action_dim=2
    )
    plan = planner.plan(
        dynamics, state, objective, rails, generators=[torch.Generator().manual_seed(0)]
    )
    assert plan.status == ("certified",)
    assert plan.cost.item() < 1.05 * best
