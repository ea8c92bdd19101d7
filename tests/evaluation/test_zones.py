"""Zones between world, zones file and planner."""

from __future__ import annotations

import pytest
import torch

from telos.cost import KeepOutDisc
from telos.cost.readout import identity_readout
from telos.envs.two_rooms.world import TwoRooms
from telos.evaluation.zones import (
    PerEnvironment,
    zone_entries,
    zone_guardrails,
    zone_option,
)
from telos.types import Trajectory

DISC = {"zone_x": 10.0, "zone_y": 20.0, "zone_radius": 5.0}
BOX = {"zone_left": 1.0, "zone_top": 2.0, "zone_right": 3.0, "zone_bottom": 5.0}


def _still(points):
    """Trajectories that stay at (B, 2) points for one step."""
    states = torch.tensor(points)[:, None, None, None].repeat(1, 1, 1, 2, 1)
    return Trajectory(states=states, actions=torch.zeros(len(points), 1, 1, 2))


def test_each_environment_has_its_own_zone():
    readout = identity_readout(2, (0, 1), unit="px")
    other = {**DISC, "zone_x": 40.0}
    (rail,) = zone_guardrails([DISC, other], readout)
    margins = rail.margin(_still([[10.0, 28.0], [10.0, 20.0]])).flatten()
    assert margins.tolist() == pytest.approx([3.0, 25.0])
    (tight,) = zone_guardrails([DISC, other], readout, buffer=0.5)
    margins = tight.margin(_still([[10.0, 28.0], [10.0, 20.0]])).flatten()
    assert margins.tolist() == pytest.approx([2.5, 24.5])
    assert tight.digest != rail.digest
    assert rail.unit == "px"


def test_a_box_and_no_zone():
    readout = identity_readout(2, (0, 1))
    (rail,) = zone_guardrails([BOX], readout)
    assert rail.margin(_still([[2.0, 7.0]])).item() == pytest.approx(2.0)
    assert zone_guardrails([{"wall": 30.0}], readout) == ()


def test_another_batch_is_refused():
    (rail,) = zone_guardrails([DISC], identity_readout(2, (0, 1)))
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


@pytest.mark.parametrize("layout", [DISC, BOX])
def test_entry_to_world_option_and_back(layout):
    option = zone_option(zone_entries(layout))
    world = TwoRooms(1, layout="fixed", zone=option)
    world.reset([0])
    factors = {k: v for k, v in world.layout()[0].items() if k.startswith("zone_")}
    assert factors == layout


def test_what_the_world_cannot_check_is_refused():
    with pytest.raises(ValueError, match="one by one"):
        zone_option([])
    with pytest.raises(ValueError, match="cannot be checked"):
        zone_option([{"type": "bound", "quantity": "speed", "high": 1}])
    with pytest.raises(ValueError, match="two numbers"):
        zone_option([{"type": "keep-out-disc", "center": [1], "radius": 2}])
