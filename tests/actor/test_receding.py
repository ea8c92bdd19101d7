"""Receding horizon: what lasts from one decision to the next."""

import pytest
import torch
from tests.actor.worlds import DISC, POSITION, Point, generators, goal

from telos.actor import ICEM, ICEMConfig, RecedingHorizon, Shield
from telos.actor.receding import shift
from telos.types import Certified, Plan

H = 4
STATE = torch.zeros(2, 1, 2)


class Recorder:
    """Plans the numbers 1, 2, 3, ... and remembers the warm starts."""

    def __init__(self) -> None:
        self.inits: list = []

    def plan(
        self,
        dynamics,
        state,
        objective,
        guardrails=(),
        *,
        init=None,
        budget=None,
        generators,
    ) -> Plan:
        self.inits.append(init)
        steps = torch.arange(1.0, H + 1) + 10 * len(self.inits)
        actions = steps[None, :, None].expand(len(state), H, 1)
        zeros = torch.zeros(len(state))
        return Plan(
            actions=actions,
            cost=zeros,
            terms={},
            margins={},
            status=("certified",) * len(state),
            states=torch.zeros(2, 1, H + 1, 2),
            evaluations=1,
            seconds=0.0,
        )


def certified(*status: str) -> Certified:
    return Certified(
        action=torch.zeros(2, 1), status=status, margin=torch.ones(2), reason=status
    )


def replan(horizon: RecedingHorizon) -> Plan:
    return horizon.replan(Point(), STATE, goal(), (), generators(2))


def test_shift_drops_the_first_step_and_appends_rest():
    actions = torch.tensor([[[1.0], [2.0], [3.0]]])
    assert shift(actions).flatten().tolist() == [2.0, 3.0, 0.0]


def test_the_warm_start_is_what_is_left_of_the_plan():
    planner = Recorder()
    horizon = RecedingHorizon(planner, replan_every=2)
    assert horizon.due
    replan(horizon)
    horizon.advance()
    assert not horizon.due
    assert horizon.intended[0, :, 0].tolist() == [12.0, 13.0, 14.0, 0.0]
    horizon.advance()
    assert horizon.due
    replan(horizon)
    assert planner.inits[0] is None
    assert planner.inits[1][0, :, 0].tolist() == [13.0, 14.0, 0.0, 0.0]


def test_the_backup_is_kept_per_environment():
    horizon = RecedingHorizon(Recorder())
    replan(horizon)
    horizon.advance(certified("certified", "infeasible"))
    assert horizon.backup[:, 0, 0].tolist() == [12.0, 0.0]
    replan(horizon)
    horizon.advance(certified("backup", "certified"))
    assert horizon.backup[:, 0, 0].tolist() == [13.0, 22.0]


def test_without_a_shield_there_is_no_backup():
    horizon = RecedingHorizon(Recorder())
    replan(horizon)
    horizon.advance()
    assert horizon.backup is None


def test_a_new_goal_drops_the_plan_but_not_the_backup():
    horizon = RecedingHorizon(Recorder(), replan_every=9)
    replan(horizon)
    horizon.advance(certified("certified", "certified"))
    horizon.drop_plan()
    assert horizon.due
    assert horizon.backup is not None
    horizon.reset()
    assert horizon.backup is None


def test_a_plan_is_used_up_after_its_last_step():
    horizon = RecedingHorizon(Recorder(), replan_every=99)
    replan(horizon)
    for _ in range(H):
        assert not horizon.due
        horizon.advance()
    assert horizon.due


def test_nothing_can_be_followed_before_a_plan():
    horizon = RecedingHorizon(Recorder())
    for read in (lambda: horizon.plan, lambda: horizon.intended):
        with pytest.raises(ValueError, match="call replan first"):
            read()
    with pytest.raises(ValueError, match="at least 1"):
        RecedingHorizon(Recorder(), replan_every=0)


def test_closed_loop_around_the_disc_arrives_and_never_enters():
    """Exact model: 20 environments, 40 steps, every step's whole path is outside."""
    count, world = 20, Point()
    planner = ICEM(ICEMConfig(samples=64, iterations=3, horizon=15))
    horizon = RecedingHorizon(planner, replan_every=2)
    shield = Shield(dynamics=world, guardrails=[DISC])
    draws, position = generators(count), torch.zeros(count, 1, 2)
    track = [position[:, 0]]
    for _ in range(40):
        if horizon.due:
            horizon.replan(world, position, goal(), [DISC], draws)
        intended = horizon.intended
        answer = shield.certify(
            position, intended[:, 0], rest=intended[:, 1:], backup=horizon.backup
        )
        horizon.advance(answer)
        position = position + 0.2 * answer.action[:, None]
        track.append(position[:, 0])
    path = torch.stack(track, 1)
    relative = path - torch.tensor(DISC.center)
    times = torch.linspace(0, 1, 50)[:, None]
    between = relative[:, :-1, None] * (1 - times) + relative[:, 1:, None] * times
    assert between.norm(dim=-1).min() > DISC.radius - 1e-5
    arrived = (POSITION(position[:, 0]) - torch.tensor([2.0, 0.0])).norm(dim=-1) < 0.2
    assert arrived.float().mean() > 0.9
