"""A function as a dynamics."""

from __future__ import annotations

import pytest
import torch

from telos.types import Dynamics
from telos.world_model import FunctionDynamics


def test_states_follow_from_each_other() -> None:
    """x' = A x + a, against the powers of A."""
    matrix = torch.tensor([[1.0, 0.1], [-0.2, 0.9]])
    dynamics = FunctionDynamics(lambda x, a: x @ matrix.T + a)
    assert isinstance(dynamics, Dynamics)
    state, actions = torch.randn(3, 2, 2), torch.randn(3, 5, 4, 2)
    found = dynamics.rollout(state, actions, futures=2)
    assert found.states.shape == (3, 5, 2, 5, 2)
    expected = torch.linalg.matrix_power(matrix, 4) @ state[1, -1]
    for time in range(4):
        power = torch.linalg.matrix_power(matrix, 3 - time)
        expected = expected + power @ actions[1, 2, time]
    for future in range(2):
        torch.testing.assert_close(found.states[1, 2, future, -1], expected)
    torch.testing.assert_close(found.states[:, 3, 0, 0], state[:, -1])


def test_gradients_reach_the_actions() -> None:
    actions = torch.zeros(1, 1, 3, 1, requires_grad=True)
    found = FunctionDynamics(lambda x, a: 2 * x + a).rollout(
        torch.ones(1, 1, 1), actions
    )
    (gradient,) = torch.autograd.grad(found.states[..., -1, :].sum(), actions)
    assert gradient.flatten().tolist() == [4.0, 2.0, 1.0]


def test_a_function_of_another_shape_is_refused() -> None:
    dynamics = FunctionDynamics(lambda x, a: x[:, :1])
    with pytest.raises(ValueError, match="returned shape .6, 1. for states of shape"):
        dynamics.rollout(torch.zeros(2, 1, 2), torch.zeros(2, 3, 4, 2))
