"""The shield: what passes, what replaces it, and what happens when nothing is safe."""

import math

import pytest
import torch
from tests.actor.worlds import DISC, BrokenPoint, Point

from telos.actor import Shield
from telos.types import Trajectory

RIGHT = torch.tensor([[1.0, 0.0]])
LEFT = -RIGHT
UP = torch.tensor([[0.0, 1.0]])


def at(x: float, y: float = 0.0) -> torch.Tensor:
    return torch.tensor([[[x, y]]])


def repeat(action: torch.Tensor, count: int) -> torch.Tensor:
    return action[:, None].expand(-1, count, -1)


def shield(world=None, **options) -> Shield:
    return Shield(dynamics=world or Point(), guardrails=[DISC], **options)


def test_a_safe_proposal_passes_unchanged():
    answer = shield().certify(at(0.0), LEFT)
    assert answer.status == ("certified",)
    assert torch.equal(answer.action, LEFT)
    assert answer.margin.item() == pytest.approx(0.5)
    assert "proposed" in answer.reason[0]


def test_a_reactive_action_passes_through_the_shield_too():
    """Mode 1 has no plan: only the action is known, and stopping after it."""
    answer = shield().certify(at(0.45), RIGHT)
    assert answer.status == ("backup",)
    assert (answer.action == 0).all()
    assert "stopping" in answer.reason[0]


def test_what_follows_the_action_counts():
    world = shield()
    assert world.certify(at(0.0), RIGHT).status == ("certified",)
    answer = world.certify(at(0.0), RIGHT, rest=repeat(RIGHT, 5))
    assert answer.status == ("backup",)


def test_a_plan_longer_than_the_horizon_is_checked_to_its_end():
    slow = 0.1 * RIGHT
    answer = shield(horizon=3).certify(at(0.0), slow, rest=repeat(slow, 39))
    assert answer.status == ("backup",)


def test_the_rest_of_the_certified_plan_comes_before_stopping():
    answer = shield().certify(at(0.4), RIGHT, backup=repeat(UP, 4))
    assert answer.status == ("backup",)
    assert torch.equal(answer.action, UP)
    assert "certified plan" in answer.reason[0]


def test_a_backup_that_has_become_unsafe_is_not_used():
    answer = shield().certify(at(0.4), RIGHT, backup=repeat(RIGHT, 4))
    assert answer.status == ("backup",)
    assert (answer.action == 0).all()


def test_inside_the_zone_the_least_violation_is_chosen_and_said():
    answer = shield().certify(at(1.3), LEFT, backup=repeat(RIGHT, 3))
    assert answer.status == ("infeasible",)
    assert torch.equal(answer.action, RIGHT)
    assert answer.margin.item() == pytest.approx(-0.2, abs=1e-5)
    assert "violates least" in answer.reason[0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_proposal_that_is_not_finite_is_replaced(value):
    answer = shield().certify(at(0.0), torch.tensor([[value, 0.0]]))
    assert answer.status == ("backup",)
    assert (answer.action == 0).all()


def test_a_model_that_knows_nothing_means_stop():
    answer = shield(BrokenPoint(everything=True)).certify(at(0.0), UP)
    assert answer.status == ("infeasible",)
    assert (answer.action == 0).all()
    assert answer.margin.item() == -math.inf
    assert "nothing finite" in answer.reason[0]


def test_a_proposal_with_unknown_outcome_is_replaced():
    answer = shield(BrokenPoint()).certify(at(0.0), LEFT)
    assert answer.status == ("backup",)
    assert (answer.action == 0).all()


def test_actions_out_of_range_are_clipped_before_they_are_judged():
    answer = shield().certify(at(0.0), 50 * RIGHT)
    assert answer.status == ("certified",)
    assert torch.equal(answer.action, RIGHT)


def test_a_stop_action_of_ones_own():
    answer = shield(stop=(-0.5, 0.0)).certify(at(0.45), RIGHT)
    assert answer.action.tolist() == [[-0.5, 0.0]]
    with pytest.raises(ValueError, match="3 numbers"):
        shield(stop=(0.0, 0.0, 0.0)).certify(at(0.0), RIGHT)


def test_environments_are_judged_one_by_one():
    states = torch.cat([at(0.0), at(0.45), at(1.3)])
    actions = torch.cat([LEFT, RIGHT, LEFT])
    together = shield().certify(states, actions)
    assert together.status == ("certified", "backup", "infeasible")
    for env in range(3):
        alone = shield().certify(states[env : env + 1], actions[env : env + 1])
        assert torch.equal(alone.action[0], together.action[env])
        assert alone.status[0] == together.status[env]


def test_without_guardrails_only_faults_are_caught():
    free = Shield(dynamics=Point(), guardrails=[])
    answer = free.certify(at(0.45), RIGHT)
    assert answer.status == ("certified",)
    assert answer.margin.item() == math.inf
    broken = free.certify(at(0.0), torch.tensor([[math.nan, 0.0]]))
    assert broken.status == ("backup",)


def test_one_rollout_judges_all_options():
    world = Point()
    shield(world).certify(at(0.0), RIGHT, rest=repeat(UP, 2), backup=repeat(UP, 3))
    assert world.rollouts == 1


class Slippery(Point):
    """The first future goes as expected, in the others the first step slips to x."""

    def rollout(self, state, actions, futures=1, generator=None):
        calm = super().rollout(state, actions, futures, generator)
        states = calm.states.clone()
        states[:, :, 1:, 1:, 0] += 0.3
        return Trajectory(states=states, actions=actions)


def test_what_may_happen_before_the_next_decision_counts():
    """Standing 0.2 before the disc is safe unless one slips 0.3."""
    rest = torch.zeros(1, 2)
    assert shield(Slippery()).certify(at(0.3), rest).status == ("certified",)
    wary = shield(Slippery(), near_futures=2)
    assert wary.certify(at(0.3), rest).status == ("infeasible",)
    assert wary.certify(at(0.1), rest).status == ("certified",)
    assert wary.certify(at(0.1), rest).margin.item() == pytest.approx(0.1)
    answer = wary.certify(at(0.1), RIGHT, backup=repeat(LEFT, 4))
    assert answer.status == ("backup",)
    assert torch.equal(answer.action, LEFT)


def test_what_may_happen_later_counts_in_the_likely_future_only():
    """Towards the disc in the third step: by then there are other decisions."""
    slow = 0.5 * RIGHT
    plan = {"rest": repeat(slow, 2)}
    assert shield(Slippery(), near_futures=2).certify(at(0.0), slow, **plan).status == (
        "certified",
    )
    longer = shield(Slippery(), near_futures=2, near_steps=3)
    assert longer.certify(at(0.0), slow, **plan).status == ("backup",)
    everywhere = shield(Slippery(), futures=2)
    assert everywhere.certify(at(0.0), slow, **plan).status == ("backup",)


def test_an_unknown_near_future_is_not_safe():
    class Cracked(Point):
        def rollout(self, state, actions, futures=1, generator=None):
            fine = super().rollout(state, actions, futures, generator)
            states = fine.states.clone()
            states[:, :, 1:, 1:] = torch.nan
            return Trajectory(states=states, actions=actions)

    assert shield(Cracked()).certify(at(0.0), LEFT).status == ("certified",)
    answer = shield(Cracked(), near_futures=2).certify(at(0.0), LEFT)
    assert answer.status == ("infeasible",)
    assert (answer.action == 0).all()
