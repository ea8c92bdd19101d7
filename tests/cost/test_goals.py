"""Objectives made of others: any of several, one after the other, a function."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from telos.actor import ICEM, ICEMConfig
from telos.cost import (
    AnyOf,
    ConditionGoal,
    GoalReadout,
    InSequence,
    LatentGoal,
    PredicateGoal,
    Running,
    Terminal,
    identity_readout,
)
from telos.cost.critic import CriticGoal, build_critic
from telos.cost.in_sequence import still_at
from telos.types import Trajectory

POSITION = identity_readout(2, [0, 1], unit="m")


class Point:
    """x' = x + 0.5 a."""

    def rollout(self, state, actions, futures=1, generator=None):
        moved = torch.nn.functional.pad(0.5 * actions.cumsum(2), (0, 0, 1, 0))
        states = (state[:, -1, None, None] + moved)[:, :, None]
        return Trajectory(
            states=states.expand(-1, -1, futures, -1, -1), actions=actions
        )


def at(x: float, y: float = 0.0) -> GoalReadout:
    return GoalReadout(POSITION, torch.tensor([[x, y]]), name=f"at {x} {y}")


def walk(*places: float) -> Trajectory:
    """One candidate that visits places on the x axis."""
    x = torch.tensor(places, dtype=torch.float32)
    states = torch.stack([x, torch.zeros_like(x)], -1)[None, None, None]
    return Trajectory(states=states, actions=torch.zeros(1, 1, len(places) - 1, 2))


def plan(objective, start=(0.0, 0.0), horizon=8):
    state = torch.tensor(start)[None, None]
    generators = [torch.Generator().manual_seed(0)]
    planner = ICEM(ICEMConfig(horizon=horizon, samples=64, iterations=5))
    return planner.plan(Point(), state, objective, generators=generators)


def test_any_of_is_the_least():
    either = AnyOf((at(3), at(-1)))
    energy = either(walk(0, 1, -1, 3))
    assert energy.flatten().tolist() == [4, 0, 0]
    whole = Terminal(either) + 0.1 * Running(either)
    assert whole(walk(0, 1, 3)).flatten().tolist() == pytest.approx([0.2, 0])
    with pytest.raises(ValueError, match="at least one"):
        AnyOf(())


def test_a_planner_goes_to_the_nearer_of_two():
    end = plan(Terminal(AnyOf((at(3), at(-1))))).states[0, 0, -1]
    torch.testing.assert_close(end, torch.tensor([-1.0, 0.0]), atol=0.2, rtol=0)


def brute_force(places, goals, within, stage):
    """The energy of every predicted state, as the docstring says it."""
    energies = []
    for place in places[1:]:
        while stage < len(goals) - 1 and (place - goals[stage]) ** 2 <= within[stage]:
            stage += 1
        e = (place - goals[stage]) ** 2
        energies.append(len(goals) - 1 - stage + e / (1 + e))
    return energies


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_sequence_counts_what_lies_behind(stage):
    generator = torch.Generator().manual_seed(stage)
    goals, within = (1.0, -1.0, 2.0), (0.3, 0.2, 0.1)
    for _ in range(40):
        places = torch.randint(-3, 4, (9,), generator=generator).float().tolist()
        sequence = InSequence(
            tuple(at(goal) for goal in goals), within, torch.tensor([stage])
        )
        found = sequence(walk(*places)).flatten().tolist()
        assert found == pytest.approx(brute_force(places, goals, within, stage))


def test_stages_belong_to_environments_and_only_advance():
    sequence = InSequence((at(1), at(2), at(3)), (0.1, 0.1, 0.1))
    sequence = sequence.advanced(torch.tensor([[1.0, 0], [0.0, 0], [2.0, 0]]))
    assert sequence.stage.tolist() == [1, 0, 0]
    sequence = sequence.advanced(torch.tensor([[0.0, 0], [1.0, 0], [2.0, 0]]))
    assert sequence.stage.tolist() == [1, 1, 0]
    sequence = sequence.advanced(torch.tensor([[2.0, 0], [3.0, 0], [1.0, 0]]))
    assert sequence.stage.tolist() == [2, 1, 1]
    # The last one is stayed at.
    sequence = sequence.advanced(torch.tensor([[3.0, 0], [0.0, 0], [0.0, 0]]))
    assert sequence.stage.tolist() == [2, 1, 1]
    with pytest.raises(ValueError, match="as many of both"):
        InSequence((at(1),), (0.1, 0.2))


def test_a_plan_passes_the_first_goal_on_its_way_to_the_second():
    sequence = InSequence((at(1), at(-1)), (0.05, 0.05))
    found = plan(Terminal(sequence) + Running(sequence), horizon=10)
    x = found.states[0, 0, :, 0]
    near = (found.states[0, 0] - torch.tensor([1.0, 0])).square().sum(-1) <= 0.05
    assert near.any()
    assert float(x[-1]) < 0
    # The control: without the first goal nothing leads there.
    assert float(plan(Terminal(at(-1)), horizon=10).states[0, 0, :, 0].max()) < 0.5


def test_predicates_are_told_quantities():
    readouts = {"position": POSITION}

    def yes(values):
        return values["position"][..., 0] > 1

    def depth(values):
        return values["position"][..., 0] - 1

    assert PredicateGoal(yes, readouts)(walk(0, 0.5, 2)).flatten().tolist() == [1, 0]
    found = PredicateGoal(depth, readouts)(walk(0, 0.5, 2)).flatten().tolist()
    assert found == [0.5, 0]
    for wrong in (lambda v: v["position"] > 1, lambda v: True):
        with pytest.raises(ValueError, match="one entry per state"):
            PredicateGoal(wrong, readouts)(walk(0, 1))


def test_goals_of_all_kinds_add():
    condition = ConditionGoal.of("position[0] > 1", {"position": POSITION})
    whole = condition + 0.5 * at(2)
    assert whole(walk(0, 0, 2)).flatten().tolist() == [3, 0]
    assert set(whole.terms(walk(0, 1))) == {"position[0] > 1", "at 2 0.0"}


def test_standing_still_is_a_trajectory():
    still = still_at(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert still.future[:, 0, 0, 0].tolist() == [[1, 2], [3, 4]]


def test_what_is_not_told_of_a_goal_does_not_count() -> None:
    """Energies depend on a goal as far as it is known, in both costs."""
    torch.manual_seed(0)
    critic = build_critic("free", 3, 2, 16).eval()
    states, goal = torch.randn(2, 4, 1, 6, 5), torch.randn(2, 5)
    trajectory = Trajectory(states=states, actions=torch.zeros(2, 4, 5, 1))
    told = torch.tensor([1.0, 0.0, 1.0])
    elsewhere = goal + torch.tensor([0.0, 3.0, 0.0, 0.0, 0.0])
    for cost in (LatentGoal, partial(CriticGoal, critic)):
        known, other = (cost(g, told=told)(trajectory) for g in (goal, elsewhere))
        assert torch.equal(known, other)
        assert not torch.equal(cost(goal)(trajectory), cost(elsewhere)(trajectory))
    whole = CriticGoal(critic, goal, told=torch.ones(3))(trajectory)
    torch.testing.assert_close(whole, CriticGoal(critic, goal)(trajectory))
    apart = (trajectory.future - goal[:, None, None, None])[..., [0, 2]]
    expected = apart.square().sum(-1) / 3
    found = LatentGoal(goal, told=told)(trajectory)
    torch.testing.assert_close(found, expected)
