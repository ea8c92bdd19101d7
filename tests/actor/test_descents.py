"""Planners that differentiate: optima, independence of starts, constraints."""

from __future__ import annotations

import pytest
import torch
from tests.actor.test_planners import DESCENTS, START, H, start
from tests.actor.worlds import DISC, POSITION, BrokenPoint, Point, generators, goal

from telos.actor import (
    GRASP,
    AugmentedLagrangian,
    AugmentedLagrangianConfig,
    Gradient,
    GradientConfig,
    GRASPConfig,
)
from telos.cost import GoalReadout, KeepOutBox, Terminal
from telos.types import Trajectory

EACH = pytest.mark.parametrize("planner", DESCENTS, ids=lambda p: type(p).__name__)


@EACH
def test_descents_reach_a_goal_in_the_open(planner) -> None:
    """Optimum: the same action throughout; what is left is a trade with effort."""
    plan = planner.plan(Point(), start(4), goal(), generators=generators(4))
    share = torch.linspace(0, 1, 2001)[:, None, None]
    constant = (share * torch.tensor([1.0, 0.0])).expand(2001, H, 2)[None]
    best = goal()(Point().rollout(START, constant)).sum((2, 3)).min()
    # From rest it costs 4.
    assert (plan.cost < best + 0.05).all()


def test_a_start_does_not_feel_the_others() -> None:
    """Its iterates are the same whatever else descends beside it."""
    few, many = Point(), Point()
    for world, samples in ((few, 3), (many, 12)):
        config = GradientConfig(horizon=H, samples=samples, iterations=8)
        Gradient(config).plan(world, START, goal(), generators=generators(1))
    for one, other in zip(few.asked, many.asked, strict=True):
        torch.testing.assert_close(one[:, :2], other[:, :2])


def test_a_start_that_cannot_be_imagined_does_not_spoil_the_others() -> None:
    world = BrokenPoint()
    config = GradientConfig(horizon=H, samples=32, iterations=30)
    plan = Gradient(config).plan(world, start(4), goal(), generators=generators(4))
    assert (plan.actions[..., 0] >= 0).all()
    assert plan.cost.max() < 1.0
    assert torch.isfinite(world.asked[-1]).all()


def test_what_cannot_be_differentiated_is_refused() -> None:
    class Opaque(Point):
        def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
            return super().rollout(state, actions.detach(), futures, generator)

    with pytest.raises(ValueError, match="no gradient reaches the actions"):
        Gradient(GradientConfig(horizon=H)).plan(
            Opaque(), START, goal(), generators=generators(1)
        )


def test_the_augmented_lagrangian_stops_at_the_wall() -> None:
    """The goal lies beyond a wall at x = 1.5: the optimum touches it."""
    wall = KeepOutBox(readout=POSITION, low=(1.5, -9.0), high=(9.0, 9.0))
    planner = AugmentedLagrangian(AugmentedLagrangianConfig(horizon=H, iterations=60))
    objective = Terminal(GoalReadout(POSITION, torch.tensor([[2.0, 0.0]])))
    plan = planner.plan(Point(), start(8), objective, [wall], generators=generators(8))
    assert set(plan.status) == {"certified"}
    optimum = goal_cost(1.5)
    assert (plan.cost >= optimum - 1e-4).all()
    assert (plan.cost <= 1.05 * optimum).all()


def goal_cost(x: float) -> float:
    objective = Terminal(GoalReadout(POSITION, torch.tensor([[2.0, 0.0]])))
    at = torch.tensor([x, 0.0]).expand(1, 1, 1, H + 1, 2)
    there = Trajectory(states=at, actions=torch.zeros(1, 1, H, 2))
    return float(objective(there).sum())


def test_multipliers_belong_to_a_candidate() -> None:
    """Safe starts must not pay for the violations of others: alone, they act alike."""
    free, mixed = Point(), Point()
    config = AugmentedLagrangianConfig(horizon=H, samples=2, iterations=12)
    away = goal(x=-2.0)
    AugmentedLagrangian(config).plan(free, START, away, generators=generators(1))
    AugmentedLagrangian(config).plan(
        mixed, START, away, [DISC], generators=generators(1)
    )
    # Whoever starts from rest and goes left never meets the disc.
    for one, other in zip(free.asked, mixed.asked, strict=True):
        torch.testing.assert_close(one[:, 0], other[:, 0])


def test_free_states_help_where_a_rollout_is_sharp() -> None:
    """Lifted steps count: without any, as many rollouts get less far."""
    costs = []
    for lifted in (1, 8):
        config = GRASPConfig(
            horizon=H, samples=8, iterations=3, lifted=lifted, sigma=0.1
        )
        plan = GRASP(config).plan(Point(), start(8), goal(), generators=generators(8))
        costs.append(plan.cost.mean())
    assert costs[1] < 0.8 * costs[0]
