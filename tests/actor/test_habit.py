"""Habits as plans: what they imagine, what searches make of them, acting by them."""

import torch
from tests.actor.worlds import Point, generators, goal

from telos.actor import ICEM, Follow, Habit, ICEMConfig, SearchConfig

B, H = 3, 6
CONFIG = ICEMConfig(horizon=H, action_dim=2, samples=16, iterations=2)


def habit(action_dim: int = 2) -> Habit:
    torch.manual_seed(0)
    return Habit(2, 0, action_dim, width=16, choices=3)


def states() -> torch.Tensor:
    return torch.linspace(-1, 1, 2 * B).view(B, 1, 2)


def test_imagining_is_acting_step_by_step() -> None:
    network, dynamics, wanted = habit(), Point(), torch.ones(B, 2)
    plan = network.imagine(dynamics, states(), wanted, H)
    now = states()
    for step in range(H):
        action = network.act(now[:, -1], wanted)
        assert torch.allclose(plan[:, step], action)
        now = dynamics.rollout(now, action[:, None, None]).states[:, 0, :, -1]
    assert plan.shape == (B, H, 2)
    assert plan.abs().max() <= 1


def test_a_search_that_begins_with_a_habit_is_never_worse() -> None:
    dynamics, objective = Point(), goal()
    begun = habit().imagine(dynamics, states(), torch.ones(B, 2), H)
    asked = (dynamics, states(), objective)
    alone = Follow(SearchConfig(horizon=H)).plan(
        *asked, init=begun, generators=generators(B)
    )
    searched = ICEM(CONFIG).plan(*asked, init=begun, generators=generators(B))
    assert torch.equal(alone.actions, begun)
    assert (searched.cost <= alone.cost + 1e-6).all()
    assert alone.evaluations == H


def test_without_a_plan_to_follow_it_rests() -> None:
    plan = Follow(SearchConfig(horizon=H)).plan(
        Point(), states(), goal(), generators=generators(B)
    )
    assert (plan.actions == 0).all()


def test_a_description_rebuilds_it() -> None:
    network = habit()
    again = Habit(**network.description())
    again.load_state_dict(network.state_dict())
    latent, wanted = torch.randn(5, 2), torch.randn(5, 2)
    assert torch.equal(network.act(latent, wanted), again.act(latent, wanted))
