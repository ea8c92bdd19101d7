"""What can look or be different in the pushing world from episode to episode."""

from __future__ import annotations

from telos.envs.factors import Factor, Table
from telos.envs.push_t.physics import RADIUS, SCALE

FACTORS: Table = {
    "block_colour": Factor(usual=(119, 136, 153), low=0, high=255, unit="RGB"),
    "agent_colour": Factor(usual=(65, 105, 225), low=0, high=255, unit="RGB"),
    "target_colour": Factor(usual=(144, 238, 144), low=0, high=255, unit="RGB"),
    "background_colour": Factor(usual=(255, 255, 255), low=0, high=255, unit="RGB"),
    "block_scale": Factor(usual=(SCALE,), low=20, high=40, unit="px"),
    "agent_radius": Factor(usual=(RADIUS,), low=8, high=24, unit="px"),
    "brightness": Factor(usual=(1.0,), low=0.4, high=1.6, unit="1"),
    "camera_x": Factor(usual=(0.0,), low=-64, high=64, unit="px"),
    "camera_y": Factor(usual=(0.0,), low=-64, high=64, unit="px"),
}
"""By name. The T's side is four scales long. A camera that is shifted by (10, 0) sees
everything 10 px of the arena further to the left."""
