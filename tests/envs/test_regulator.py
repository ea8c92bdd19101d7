"""Linear-quadratic regulation: Riccati, cost-to-go, and what planning attains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from telos.actor.icem import ICEM
from telos.envs import make_world
from telos.envs.regulator import Weights, regulate
from telos.evaluation.exact import search_of

RESTS = {
    "discs": [0.2, -0.1, 0.0, 0.0],
    "pendulum": [0.4, 0.0],
    "cart-pole": [0.3, 0.0, 0.0, 0.0],
}
NEAR = {
    "discs": [0.08, 0.05, -0.1, 0.1],
    "pendulum": [0.05, -0.1],
    "cart-pole": [0.05, 0.0, 0.01, 0.0],
}
each_world = pytest.mark.parametrize("name", RESTS)


def at_rest(name, num=1):
    """A world, its regulator and the objective of getting to its state of rest."""
    world = make_world(name, num)
    world.reset(range(num))
    targets = np.repeat(np.array([RESTS[name]]), num, 0)
    dynamics, objective = world.oracle(world._goal_at(targets))
    return world, world._regulator(targets), dynamics, objective


def test_the_double_integrator_in_closed_form():
    """One state, one action: p = q + p f^2 - (p f g)^2 / (r + p g^2) is quadratic."""
    f, g, q, r = 1.1, 0.5, 1.0, 0.3
    solved = regulate(
        lambda x, a: f * x + g * a,
        np.zeros((2, 1)),
        np.zeros((2, 1)),
        Weights(state=(q,), effort=r),
    )
    b = r - r * f**2 - q * g**2
    p = (-b + np.sqrt(b**2 + 4 * g**2 * q * r)) / (2 * g**2)
    np.testing.assert_allclose(solved.value[:, 0, 0], p)
    np.testing.assert_allclose(solved.gain[:, 0, 0], p * f * g / (r + p * g**2))


@each_world
def test_the_target_is_at_rest(name):
    world, regulator, _, _ = at_rest(name)
    given = torch.from_numpy(regulator.target), torch.from_numpy(regulator.rest)
    np.testing.assert_allclose(world._physics(*given), regulator.target, atol=1e-12)


@each_world
def test_feedback_near_the_target_costs_what_the_cost_to_go_says(name):
    world, regulator, _, _ = at_rest(name)
    near = 0.05 * np.array([NEAR[name]])
    state = torch.from_numpy(regulator.target + near)
    gain, total = torch.from_numpy(regulator.gain[0]), 0.0
    weights = torch.tensor(world.weights.state)
    for _ in range(600):
        apart = state - torch.from_numpy(regulator.target)
        push = -apart @ gain.T
        effort = world.weights.effort * push.square().sum()
        total += float((weights * apart**2).sum() + effort)
        state = world._physics(state, torch.from_numpy(regulator.rest) + push)
    assert total == pytest.approx((near @ regulator.value[0] @ near.T).item(), rel=0.01)


@each_world
def test_planning_near_the_target_attains_the_optimum(name):
    """The sum over a horizon is the infinite one less the present state's share."""
    world, regulator, dynamics, objective = at_rest(name)
    near = np.array([NEAR[name]])
    state = torch.from_numpy(regulator.target + near)[:, None].float()
    # A patient search in white noise, for an optimum that is not smooth.
    patient = {"samples": 600, "iterations": 80, "elites": 60, "gamma": 1.0}
    narrow = {"beta": 0.0, "sigma": 0.2, "min_sigma": 0.002, "momentum": 0.5}
    config = replace(search_of(world.spec), **patient, **narrow)
    plan = ICEM(config).plan(
        dynamics, state, objective, generators=[torch.Generator().manual_seed(0)]
    )
    present = float((np.array(world.weights.state) * near**2).sum())
    optimum = (near @ regulator.value[0] @ near.T).item()
    # Beyond the linearisation the true optimum may be a little lower.
    assert 0.97 < (plan.cost.item() + present) / optimum < 1.05


@each_world
def test_an_objective_does_not_depend_on_the_horizon_of_an_optimal_plan(name):
    _, regulator, dynamics, objective = at_rest(name)
    near = 0.02 * np.array([NEAR[name]])
    state = torch.from_numpy(regulator.target + near)[:, None]
    totals = []
    for horizon in (2, 40):
        actions, now = [], state[:, 0]
        for _ in range(horizon):
            apart = now - torch.from_numpy(regulator.target)
            push = torch.from_numpy(regulator.rest) - torch.einsum(
                "bad,bd->ba", torch.from_numpy(regulator.gain), apart
            )
            actions.append(push)
            one = dynamics.rollout(now[:, None], push[:, None, None])
            now = one.states[:, 0, 0, -1]
        plan = torch.stack(actions, 1)[:, None]
        totals.append(objective(dynamics.rollout(state, plan)).sum().item())
    assert totals[0] == pytest.approx(totals[1], rel=0.01)
