"""The pendulum: energy, period, holding, and angles that are equal mod 2 pi."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from telos.envs import make_world
from telos.envs.pendulum.physics import GRAVITY, SECONDS, stepper, wrapped

STEP = stepper(12.0)


def swung(angle, speed, steps, torque=0.0):
    state = torch.tensor([angle, speed], dtype=torch.float64)
    action = torch.tensor([torque], dtype=torch.float64)
    states = [state]
    for _ in range(steps):
        states.append(STEP(states[-1], action))
    return torch.stack(states).numpy()


def energy(states):
    """J: of motion, and of height over hanging."""
    return 0.5 * states[:, 1] ** 2 + GRAVITY * (1 + np.cos(states[:, 0]))


def test_a_free_swing_keeps_its_energy_for_minutes():
    states = swung(np.pi - 1.0, 0.0, 5000)
    found = energy(states)
    assert found.max() - found.min() < 0.2 * found[0], "it oscillates with the step"
    assert abs(found[:500].mean() / found[-500:].mean() - 1) < 0.01, "and never drifts"


def test_a_small_swing_has_the_period_of_a_harmonic_oscillator():
    """Semi-implicit Euler turns by acos(1 - (w dt)^2 / 2) instead of w dt per step."""
    states = swung(np.pi - 0.01, 0.0, 400)
    signs = np.sign(states[:, 0] - np.pi)
    crossings = np.flatnonzero(signs[1:] != signs[:-1])
    half = np.diff(crossings).mean()
    turn = np.arccos(1 - GRAVITY * SECONDS**2 / 2)
    assert half == pytest.approx(np.pi / turn, rel=0.01)


@pytest.mark.parametrize("torque", [12.0, 5.0])
def test_goals_can_be_held_at_rest(torque):
    world = make_world("pendulum", 32, torque=torque)
    seeds = range(32)
    world.reset(seeds)
    goal = world.sample_goals("angle", seeds)
    hold = -GRAVITY * np.sin(goal.labels["angle"].astype(np.float64))
    assert (np.abs(hold) <= 0.81 * torque).all()
    world._states = np.stack([goal.labels["angle"], np.zeros(32)], -1).astype(float)
    for _ in range(10):
        step = world.step(hold[:, None])
    assert world.distance(step.labels, goal).max() < 1e-4


def test_the_angle_label_is_wrapped_and_its_way_is_not():
    world = make_world("pendulum", 1, speed_limit=20.0)
    world.reset([0])
    angles = [
        step.labels["angle"][0] for step in (world.step([[12.0]]) for _ in range(60))
    ]
    assert -np.pi <= min(angles) < -2
    assert 2 < max(angles) <= np.pi
    state = world.exact_state()[0, 0]
    assert state[0] == pytest.approx(angles[-1])
    assert world._states[0, 0] > np.pi, "it has turned over"


def test_the_distance_takes_the_shorter_way_round_and_counts_speed():
    world = make_world("pendulum", 3)
    world.reset([0, 1, 2])
    goal = world._goal_at(np.array([[3.1, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    here = {"angle": np.array([-3.1, 0.3, 0.0]), "speed": np.array([0.0, 4.0, 1.5])}
    expected = [2 * np.pi - 6.2, 0.5, 0.15]
    assert world.distance(here, goal) == pytest.approx(expected, abs=1e-6)


def test_the_objective_takes_the_shorter_way_round():
    world = make_world("pendulum", 2)
    world.reset([0, 1])
    goal = world._goal_at(np.array([[3.1, 0.0], [3.1, 0.0]]))
    dynamics, objective = world.oracle(goal)
    start = torch.tensor([[[-3.1, 0.0]], [[3.0168, 0.0]]], dtype=torch.float64)
    cost = objective(dynamics.rollout(start, torch.zeros(2, 1, 5, 1)))
    assert cost[0].sum() < 0.5
    assert cost[0, 0, 0, 0].item() == pytest.approx(cost[1, 0, 0, 0].item(), rel=0.3)


def test_wrapped_angles():
    assert wrapped(np.array([np.pi, -np.pi, 3 * np.pi, 0.1 + 4 * np.pi])) == (
        pytest.approx([-np.pi, -np.pi, -np.pi, 0.1])
    )


def test_the_picture_has_the_tip_where_the_label_says():
    world = make_world("pendulum", 4)
    world.reset([0, 1, 2, 3])
    world._states = np.array([[0.0, 0], [np.pi / 2, 0], [np.pi, 0], [-np.pi / 2, 0]])
    pixels = world._observe(world._states)["pixels"]
    place = world._labels(world._states)["position"]
    assert place == pytest.approx(
        np.array([[0, 1], [1, 0], [0, -1], [-1, 0]]), abs=1e-6
    )
    columns = ((place[:, 0] / 1.25 + 1) * 32).astype(int)
    rows = ((1 - place[:, 1] / 1.25) * 32).astype(int)
    tips = pixels[np.arange(4), rows, columns]
    assert (tips[:, 0] > 200).all()
    assert (tips[:, 1:] < 60).all()
