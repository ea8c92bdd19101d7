"""Critic networks: signs, the triangle inequality, and reading a trajectory."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.cost.critic import (
    BLOCK,
    CriticGoal,
    DistanceNetwork,
    QuasimetricNetwork,
    build_critic,
    critic_description,
)
from telos.types import Trajectory

FORMS = ("free", "quasimetric")


def critic(form: str, seed: int = 0) -> DistanceNetwork | QuasimetricNetwork:
    torch.manual_seed(seed)
    return build_critic(form, 3, 2, 16)


@pytest.mark.parametrize("form", FORMS)
def test_distances_are_never_negative(form: str) -> None:
    latent, goal = torch.randn(200, 5) * 5, torch.randn(200, 3) * 5
    distance = critic(form)(latent, goal)
    assert distance.shape == (200,)
    assert (distance >= 0).all()


@given(seed=st.integers(0, 10_000))
def test_the_quasimetric_obeys_the_triangle_inequality(seed: int) -> None:
    network = critic("quasimetric", seed)
    draw = torch.Generator().manual_seed(seed)
    a, b, c = 3 * torch.randn(3, 64, 3, generator=draw)
    context = torch.randn(64, 2, generator=draw)

    def distance(start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        return network(torch.cat([start, context], -1), end)

    slack = 1e-5 + distance(a, b) + distance(b, c) - distance(a, c)
    assert (slack >= 0).all()


@given(seed=st.integers(0, 10_000))
def test_the_quasimetric_from_here_to_here_is_zero(seed: int) -> None:
    latent = torch.randn(32, 5, generator=torch.Generator().manual_seed(seed))
    assert (critic("quasimetric", seed)(latent, latent[:, :3]) == 0).all()


def test_the_quasimetric_may_differ_there_and_back() -> None:
    network, context = critic("quasimetric"), torch.zeros(50, 2)
    a, b = torch.randn(2, 50, 3)
    there = network(torch.cat([a, context], -1), b)
    back = network(torch.cat([b, context], -1), a)
    assert not torch.allclose(there, back, rtol=0.05)


@pytest.mark.parametrize("form", FORMS)
def test_a_goal_objective_reads_states_only(form: str) -> None:
    network, goal = critic(form), torch.randn(2, 5)
    trajectory = Trajectory(
        states=torch.randn(2, 4, 3, 7, 5), actions=torch.zeros(2, 4, 6, 2)
    )
    energy = CriticGoal(network, goal)(trajectory)
    assert energy.shape == (2, 4, 3, 6)
    one = network(trajectory.states[1, 2, 0, 5], goal[1, :3])
    torch.testing.assert_close(energy[1, 2, 0, 4], one)
    other_context = goal.clone()
    other_context[:, 3:] += 9
    assert torch.equal(CriticGoal(network, other_context)(trajectory), energy)


@pytest.mark.parametrize("shared", [False, True], ids=["own context", "one context"])
@pytest.mark.parametrize("states", [1, 7, BLOCK])
@pytest.mark.parametrize("form", FORMS)
def test_distances_to_one_goal_per_environment(
    form: str, states: int, shared: bool
) -> None:
    """Worked out together they are what they are one by one, gradients too."""
    network, draw = critic(form), torch.Generator().manual_seed(7)
    latent = torch.randn(2, states, 5, generator=draw)
    if shared:
        latent[..., 3:] = latent[:, :1, 3:]
    goal = torch.randn(2, 3, generator=draw)
    slow_input, fast_input = (latent.clone().requires_grad_() for _ in range(2))
    slow = network(slow_input, goal[:, None].expand(-1, states, -1))
    fast = network.to_goals(fast_input, goal)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(
            network.to_goals(latent, goal), slow, atol=1e-5, rtol=1e-4
        )
    slow.sum().backward()
    fast.sum().backward()
    torch.testing.assert_close(fast_input.grad, slow_input.grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_a_description_rebuilds_the_network(form: str) -> None:
    network = critic(form)
    again = build_critic(**critic_description(network))
    again.load_state_dict(network.state_dict())
    latent, goal = torch.randn(9, 5), torch.randn(9, 3)
    assert torch.equal(again(latent, goal), network(latent, goal))


def test_unknown_forms_list_the_choices() -> None:
    with pytest.raises(ValueError, match="'hiql' is unknown.*free.*quasimetric"):
        build_critic("hiql", 2, 2, 8)
