"""Zones between world, zones file and planner."""

from __future__ import annotations

import pytest
import torch

from telos.cost import KeepOutDisc
from telos.cost.readout import identity_readout
from telos.envs.two_rooms.world import TwoRooms
from telos.evaluation.zones import (
    PerEnvironment,
    guardrails_of,
    zone_option,
)
from telos.types import Trajectory

DISC = {
    "type": "keep-out-disc",
    "quantity": "position",
    "name": "zone",
    "center": [10.0, 20.0],
    "radius": 5.0,
}
BOX = {
    "type": "keep-out-box",
    "quantity": "position",
    "name": "zone",
    "low": [1.0, 2.0],
    "high": [3.0, 5.0],
}


def _still(points):
    """Trajectories that stay at (B, 2) points for one step."""
    states = torch.tensor(points)[:, None, None, None].repeat(1, 1, 1, 2, 1)
    return Trajectory(states=states, actions=torch.zeros(len(points), 1, 1, 2))


def test_each_environment_has_its_own_zone():
    readout = identity_readout(2, (0, 1), unit="px")
    readouts = {"position": readout}
    other = {**DISC, "center": [40.0, 20.0]}
    (rail,) = guardrails_of([[DISC], [other]], readouts)
    margins = rail.margin(_still([[10.0, 28.0], [10.0, 20.0]])).flatten()
    assert margins.tolist() == pytest.approx([3.0, 25.0])
    (tight,) = guardrails_of([[DISC], [other]], readouts, {"position": 0.5})
    margins = tight.margin(_still([[10.0, 28.0], [10.0, 20.0]])).flatten()
    assert margins.tolist() == pytest.approx([2.5, 24.5])
    assert tight.digest != rail.digest
    assert rail.unit == "px"


def test_a_box_and_no_zone():
    readout = identity_readout(2, (0, 1))
    (rail,) = guardrails_of([[BOX]], {"position": readout})
    assert rail.margin(_still([[2.0, 7.0]])).item() == pytest.approx(2.0)
    assert guardrails_of([[], []], {"position": readout}) == ()


def test_several_limits_on_several_quantities():
    readouts = {
        "position": identity_readout(2, (0, 1), unit="m"),
        "height": identity_readout(2, (1,), name="height", unit="m"),
    }
    ceiling = {"type": "bound", "quantity": "height", "high": 30.0, "name": "top"}
    other = {**DISC, "name": "other"}
    small = {**other, "radius": 1.0}
    rows = [[DISC, other, ceiling], [DISC, small, ceiling]]
    first, second, third = guardrails_of(rows, readouts, {"height": 0.25})
    assert [first.name, second.name, third.name] == ["zone", "other", "top"]
    points = _still([[10.0, 28.0], [10.0, 28.0]])
    assert first.margin(points).flatten().tolist() == pytest.approx([3.0, 3.0])
    assert second.margin(points).flatten().tolist() == pytest.approx([3.0, 7.0])
    assert third.margin(points).flatten().tolist() == pytest.approx([1.75, 1.75])


def test_limits_that_differ_in_kind_are_refused():
    readouts = {"position": identity_readout(2, (0, 1))}
    for other in ([BOX], [], [DISC, {**DISC, "name": "other"}]):
        with pytest.raises(ValueError, match="different numbers or types"):
            guardrails_of([[DISC], other], readouts)


def test_another_batch_is_refused():
    (rail,) = guardrails_of([[DISC]], {"position": identity_readout(2, (0, 1))})
    with pytest.raises(ValueError, match="1 zones for a batch of 2"):
        rail.margin(_still([[0.0, 0.0], [1.0, 1.0]]))


def test_zones_of_a_batch_are_read_with_one_readout():
    # It is asked once for all: another one would give other margins.
    discs = [
        KeepOutDisc(readout=identity_readout(2, dims), center=(0.0, 0.0), radius=1.0)
        for dims in ((0, 1), (1, 0))
    ]
    with pytest.raises(ValueError, match="different read-outs; build them with one"):
        PerEnvironment(discs)


@pytest.mark.parametrize("entry", [DISC, BOX])
def test_entry_to_world_option_and_back(entry):
    world = TwoRooms(1, layout="fixed", zone=zone_option([entry]))
    world.reset([0])
    assert world.limits() == [[entry]]


def test_what_the_world_cannot_check_is_refused():
    with pytest.raises(ValueError, match="one by one"):
        zone_option([])
    with pytest.raises(ValueError, match="cannot be checked"):
        zone_option([{"type": "bound", "quantity": "speed", "high": 1}])
    with pytest.raises(ValueError, match="two numbers"):
        zone_option([{"type": "keep-out-disc", "center": [1], "radius": 2}])
