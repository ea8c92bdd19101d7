"""Requests that make little sense: a status or a refusal, never a surprise."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.actor.test_planners import PLANNERS, START, H, start
from tests.actor.worlds import DISC, POSITION, Point, generators, goal

from telos.actor import ICEM, ICEMConfig
from telos.cost import KeepOutBox, KeepOutDisc, ObjectiveAlgebra
from telos.types import Trajectory

EACH = pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)


@EACH
def test_guardrails_that_contradict_each_other_are_never_certified(planner) -> None:
    everywhere = [
        KeepOutBox(readout=POSITION, low=(-99.0, -99.0), high=(0.05, 99.0)),
        KeepOutBox(readout=POSITION, low=(-0.05, -99.0), high=(99.0, 99.0), name="b"),
    ]
    plan = planner.plan(Point(), START, goal(), everywhere, generators=generators(1))
    assert plan.status == ("infeasible",)
    assert torch.isfinite(plan.actions).all()
    assert all(margin <= 0 for margin in plan.margins.values())


class Nothing(ObjectiveAlgebra):
    """Knows no cost at all."""

    name = "nothing"

    def __call__(self, trajectory: Trajectory) -> torch.Tensor:
        return trajectory.future.sum(-1) * math.nan


@EACH
def test_an_objective_that_knows_nothing_gives_rest(planner) -> None:
    plan = planner.plan(Point(), START, Nothing(), [DISC], generators=generators(1))
    assert plan.status == ("infeasible",)
    assert (plan.actions == 0).all()


class Exploding(Point):
    """Every step is a thousand times the one before."""

    def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
        calm = super().rollout(state, actions, futures, generator)
        growth = 1e3 ** torch.arange(calm.states.shape[-2])[:, None]
        return Trajectory(states=calm.states * growth, actions=actions)


@EACH
def test_a_model_that_explodes_gives_a_finite_plan(planner) -> None:
    plan = planner.plan(
        Exploding(), START + 1e-3, goal(), [DISC], generators=generators(1)
    )
    assert torch.isfinite(plan.actions).all()
    assert plan.actions.abs().max() <= 1
    if plan.status == ("certified",):
        assert torch.isfinite(plan.cost).all()


@EACH
def test_at_the_goal_nothing_is_cheaper_than_rest(planner) -> None:
    there = torch.tensor([[[2.0, 0.0]]])
    plan = planner.plan(Point(), there, goal(), [DISC], generators=generators(1))
    assert plan.status == ("certified",)
    assert plan.cost <= 1e-6


@EACH
def test_how_a_state_lies_in_memory_does_not_matter(planner) -> None:
    states = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).T[:, None]
    assert not states.is_contiguous()
    plans = [
        planner.plan(Point(), given, goal(), [DISC], generators=generators(4))
        for given in (states, states.contiguous())
    ]
    assert torch.equal(plans[0].actions, plans[1].actions)


def test_a_guardrail_that_is_tightened_never_costs_less() -> None:
    planner = ICEM(ICEMConfig(horizon=H))
    violations = []
    for tighter in (0.0, 0.2, 0.4):
        rail = DISC.tighten(tighter) if tighter else DISC
        plan = planner.plan(
            Point(), start(16), goal(), [rail], generators=generators(16)
        )
        again = DISC.margin(Point().rollout(start(16), plan.actions[:, None]))
        violations.append(float(again.amin((1, 2, 3)).mean()))
    assert violations == sorted(violations), "real margins grow with the demand"


@settings(max_examples=25)
@given(
    x=st.floats(-3, 3),
    y=st.floats(-3, 3),
    radius=st.floats(0.1, 1.5),
    seed=st.integers(0, 999),
)
def test_a_certified_plan_keeps_its_margins(
    x: float, y: float, radius: float, seed: int
) -> None:
    """Whatever the zone: what is certified is safe, and what is safe was preferred."""
    zone = KeepOutDisc(readout=POSITION, center=(x, y), radius=radius)
    world, planner = Point(), ICEM(ICEMConfig(horizon=6, samples=24, iterations=2))
    plan = planner.plan(
        world, START, goal(), [zone], generators=generators(1, first=seed)
    )
    again = zone.margin(Point().rollout(START, plan.actions[:, None])).amin()
    seen = [zone.margin(world.rollout(START, a)).amin((2, 3)) for a in world.asked[:2]]
    any_safe = any(bool((margin > 0).any()) for margin in seen)
    assert (plan.status == ("certified",)) == bool(again > 0)
    assert bool(again > 0) == any_safe
