"""Cart and pole: the textbook's equations against Lagrange's, endings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.envs import make_world
from telos.envs.cart_pole import physics
from telos.envs.cart_pole.physics import (
    CART,
    FORCE,
    GRAVITY,
    HALF_LENGTH,
    POLE,
    SECONDS,
    step,
)
from telos.envs.factors import draw_look

states = st.tuples(*(st.floats(-2, 2) for _ in range(4)))


def after(state, action):
    given_state = torch.tensor(state, dtype=torch.float64)
    return step(given_state, torch.tensor([action], dtype=torch.float64)).numpy()


@given(state=states, action=st.floats(-1, 1))
def test_accelerations_solve_the_equations_of_lagrange(state, action):
    """Mass matrix times accelerations equals forces, with T and V of cart and rod."""
    _, cart_speed, angle, speed = state
    found = after(state, action)
    got = np.array([found[1] - cart_speed, found[3] - speed]) / SECONDS
    coupling = POLE * HALF_LENGTH * np.cos(angle)
    inertia = POLE * HALF_LENGTH**2 * 4 / 3  # of the rod about the pivot
    mass = np.array([[CART + POLE, coupling], [coupling, inertia]])
    forces = np.array(
        [
            FORCE * action + POLE * HALF_LENGTH * speed**2 * np.sin(angle),
            POLE * GRAVITY * HALF_LENGTH * np.sin(angle),
        ]
    )
    np.testing.assert_allclose(got, np.linalg.solve(mass, forces), atol=1e-9)
    np.testing.assert_allclose(found[0], state[0] + SECONDS * found[1])
    np.testing.assert_allclose(found[2], angle + SECONDS * found[3])


def test_upright_is_at_rest_and_unstable_at_the_rate_of_theory():
    assert after([0.4, 0.0, 0.0, 0.0], 0.0) == pytest.approx([0.4, 0.0, 0.0, 0.0])
    # Linearised, without force: angle'' = g angle / (l (4/3 - m / total)).
    rate2 = GRAVITY / (HALF_LENGTH * (4 / 3 - POLE / (CART + POLE)))
    growth = after([0.0, 0.0, 1e-4, 0.0], 0.0)[3] / 1e-4 / SECONDS
    assert growth == pytest.approx(rate2, rel=1e-6)


def test_an_episode_ends_where_the_pole_lies_or_the_rail_does_and_stays_there():
    world = make_world("cart-pole", 2)
    world.reset([0, 1])
    for _ in range(60):
        step = world.step([[0.0], [5.0]])
    assert step.terminated.all()
    assert abs(step.labels["angle"][0]) >= np.pi / 2
    again = world.step([[5.0], [-5.0]])
    for label, values in step.labels.items():
        np.testing.assert_array_equal(again.labels[label], values)


def test_goals_are_elsewhere_on_the_rail():
    world = make_world("cart-pole", 200)
    start = world.reset(range(200))
    goal = world.sample_goals("elsewhere", range(200))
    place = goal.labels["cart"]
    assert np.abs(place - start.labels["cart"]).min() >= 0.5 - 1e-6
    assert np.abs(place).max() <= 1.0
    assert (place > 0.5).any()
    assert (place < -0.5).any()


def test_the_distance_is_that_of_the_farther_end_of_the_pole():
    world = make_world("cart-pole", 2)
    world.reset([0, 1])
    goal = world._goal_at(np.zeros((2, 4)))
    here = world._labels(np.array([[0.3, 0.0, 0.0, 0.0], [0.0, 0.0, 0.2, 0.0]]))
    expected = [0.3, 2 * np.sin(0.1)]
    assert world.distance(here, goal) == pytest.approx(expected, abs=1e-6)


def test_the_expert_moves_the_cart_and_greedy_drops_the_pole():
    world = make_world("cart-pole", 16)
    seeds = range(16)
    for policy_of, arrives in ((world.expert, True), (world.greedy, False)):
        step = world.reset(seeds)
        goal = world.sample_goals("elsewhere", seeds)
        policy = policy_of(goal)
        for _ in range(120):
            step = world.step(policy.act(step.observations, step.labels))
        reached = world.distance(step.labels, goal) < 0.1
        assert reached.all() if arrives else not reached.any()


def test_the_picture_shows_cart_and_pole():
    state = np.array([[0.5, 0.0, 0.0, 0.0]])
    look = draw_look(physics.FACTORS, {}, [0])
    image = physics.draw(state, 1.5, look)[0].astype(int)
    scale = 64 / (2 * physics.VIEW)
    column = int((0.5 + physics.VIEW) * scale)
    red = image[..., 0] - image[..., 2] > 90
    rows, columns = np.nonzero(red)
    assert abs(columns.mean() - column) < 1.5
    assert (rows.max() - rows.min() + 1) / scale == pytest.approx(1.0, abs=0.15)
