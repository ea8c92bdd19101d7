"""Beam search against all plans there are."""

from __future__ import annotations

import itertools

import pytest
import torch
from tests.actor.worlds import DISC, Point, generators, goal

from telos.actor import Beam, BeamConfig
from telos.types import Planner

CHOICES = ((1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (0.0, 0.0))
H = 4
START = torch.tensor([[[0.0, 0.1]], [[0.3, -0.2]]])


def beam(width: int, horizon: int = H) -> Beam:
    return Beam(BeamConfig(samples=width, horizon=horizon, actions=CHOICES))


def near_goal():
    return goal(x=0.6, y=0.4)


def everything() -> torch.Tensor:
    plans = torch.tensor(list(itertools.product(CHOICES, repeat=H)))
    return plans[None].expand(2, -1, -1, -1)


def test_a_beam_that_holds_everything_finds_the_optimum() -> None:
    planner = beam(4**H)
    plan = planner.plan(Point(), START, near_goal(), generators=generators(2))
    assert isinstance(planner, Planner)
    costs = near_goal()(Point().rollout(START, everything())).sum((2, 3))
    torch.testing.assert_close(plan.cost, costs.amin(1))


def test_a_narrow_beam_is_cheap_and_nearly_as_good() -> None:
    wide, narrow = (
        beam(width).plan(Point(), START, near_goal(), generators=generators(2))
        for width in (4**H, 6)
    )
    assert narrow.evaluations < 0.2 * wide.evaluations
    assert (narrow.cost <= wide.cost + 0.1).all()


def test_every_action_is_one_of_those_to_choose_from() -> None:
    init = torch.tensor([[[0.9, 0.2]] * 8] * 2)
    plan = beam(8, horizon=8).plan(
        Point(), START, goal(), [DISC], init=init, generators=generators(2)
    )
    chosen = torch.tensor(CHOICES)
    assert ((plan.actions[:, :, None] == chosen).all(-1).any(-1)).all()
    assert set(plan.status) == {"certified"}


def test_a_guardrail_leads_around() -> None:
    guarded, free = (
        beam(32, horizon=12).plan(
            Point(), START, goal(), rails, generators=generators(2)
        )
        for rails in ([DISC], [])
    )
    assert set(guarded.status) == {"certified"}
    assert (DISC.margin(Point().rollout(START, free.actions[:, None])) < 0).any()


@pytest.mark.parametrize(
    ("actions", "message"),
    [((), "actions is empty"), (((1.0,),), "not 2 numbers"), (((2.0, 0.0),), "-1, 1")],
)
def test_actions_that_cannot_be_are_refused(actions, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BeamConfig(actions=actions)
