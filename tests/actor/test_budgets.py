"""Budgets: limits on evaluations and on time, and the trace of a search."""

from __future__ import annotations

import math

import pytest
import torch
from tests.actor.test_planners import PLANNERS, START, H, start
from tests.actor.worlds import DISC, Point, generators, goal

from telos.actor import search as searching
from telos.types import Budget

EACH = pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)


@EACH
@pytest.mark.parametrize("candidates", [1, 3, 30, 500])
def test_a_limit_on_evaluations_holds_and_is_used(planner, candidates) -> None:
    plan = planner.plan(
        Point(),
        start(2),
        goal(),
        [DISC],
        budget=Budget(evaluations=candidates * H),
        generators=generators(2),
    )
    assert plan.evaluations <= candidates * H
    assert plan.evaluations > 0.4 * candidates * H
    assert set(plan.status) == {"certified"}


class Clock:
    """Time that passes only while something is imagined."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


class Slow(Point):
    """A millisecond for every call, and a tenth of one for every candidate."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def rollout(self, state, actions, futures=1, generator=None):
        self.clock.now += 1e-3 + 1e-4 * actions.shape[1]
        return super().rollout(state, actions, futures, generator)


@EACH
@pytest.mark.parametrize("seconds", [0.005, 0.02, 0.1])
def test_a_limit_on_time_holds_and_is_used(planner, seconds, monkeypatch) -> None:
    clock = Clock()
    monkeypatch.setattr(searching.time, "perf_counter", clock)
    plan = planner.plan(
        Slow(clock),
        START,
        goal(),
        [DISC],
        budget=Budget(seconds=seconds),
        generators=generators(1),
    )
    assert plan.seconds == pytest.approx(clock.now - 5.0)
    assert plan.seconds <= seconds
    assert plan.seconds > 0.3 * seconds
    assert plan.status == ("certified",)


@EACH
def test_more_evaluations_are_never_worse(planner) -> None:
    costs = [
        planner.plan(
            Point(),
            start(8),
            goal(),
            [DISC],
            budget=Budget(evaluations=count * H),
            generators=generators(8),
        ).cost.mean()
        for count in (20, 2000)
    ]
    assert costs[1] < costs[0]


@EACH
def test_the_trace_ends_with_the_plan(planner) -> None:
    plan = planner.plan(Point(), start(3), goal(), [DISC], generators=generators(3))
    trace = plan.trace
    assert trace is not None
    rounds = len(trace.evaluations)
    assert trace.cost.shape == trace.feasible.shape == (rounds, 3)
    assert torch.equal(trace.cost[-1], plan.cost)
    assert trace.certified[-1].all()
    assert trace.evaluations[-1] <= plan.evaluations
    assert list(trace.evaluations) == sorted(trace.evaluations)
    assert list(trace.seconds) == sorted(trace.seconds)
    assert trace.seconds[-1] <= plan.seconds
    # Rest is certified from the first round on, so that the best only gets cheaper.
    assert (trace.cost.diff(dim=0) <= 0).all()
    assert ((trace.feasible >= 0) & (trace.feasible <= 1)).all()


@pytest.mark.parametrize("name", ["samples", "iterations", "evaluations", "seconds"])
@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_empty_budgets_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"budget {name} is"):
        Budget(**{name: value})
