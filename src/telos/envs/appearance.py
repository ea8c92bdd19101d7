"""How the worlds that are drawn in numpy can look: one table, one canvas."""

from __future__ import annotations

import numpy as np

from telos.envs.factors import Factor, Look, Table
from telos.envs.raster import (
    DOT_COLOUR,
    FLOOR_COLOUR,
    SIZE,
    WALL_COLOUR,
    ZONE_COLOUR,
    Raster,
)

SHIFT = 1 / 16
"""Largest shift of a camera, in shares of the side of an image."""


def appearance(
    side: float,
    unit: str,
    floor: np.ndarray = FLOOR_COLOUR,
    wall: np.ndarray = WALL_COLOUR,
    agent: np.ndarray = DOT_COLOUR,
) -> Table:
    """The factors of a world whose images show a square.

    Args:
        side: Of the square, in the unit of the world.
        unit: Of the world's lengths.
        floor: Its usual colour (3,) in [0, 1].
        wall: The same of what does not move.
        agent: The same of what acts.
    """
    far = SHIFT * side
    return {
        "floor_colour": _colour(floor),
        "wall_colour": _colour(wall),
        "agent_colour": _colour(agent),
        "agent_size": Factor(usual=(1.0,), low=0.6, high=1.6, unit="times the usual"),
        "brightness": Factor(usual=(1.0,), low=0.4, high=1.6, unit="1"),
        "camera_x": Factor(usual=(0.0,), low=-far, high=far, unit=unit),
        "camera_y": Factor(usual=(0.0,), low=-far, high=far, unit=unit),
    }


def _colour(usual: np.ndarray) -> Factor:
    numbers = tuple(255.0 * float(part) for part in usual)
    return Factor(usual=numbers, low=0, high=255, unit="RGB")


MARK: Table = {"mark_colour": _colour(ZONE_COLOUR)}
"""One more factor of worlds that mark something, a place or a rail."""


def canvas(look: Look, low: tuple[float, float], side: float) -> Raster:
    """B rasters of nothing but floor, seen by the cameras of a look.

    Args:
        look: Of B environments.
        low: x and y of the lower left corner that an unshifted camera sees.
        side: Of the square that is seen.
    """
    floor = np.rint(255 * look.colour("floor")).astype(np.uint8)
    background = np.broadcast_to(floor[:, None, None], (len(floor), SIZE, SIZE, 3))
    return Raster(background, low, side, look.camera)
