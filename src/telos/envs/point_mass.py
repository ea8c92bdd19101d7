"""A point mass on a square floor: the physics and the picture of two worlds.

The state is position (m) and velocity (m/s), (..., 4); the action in [-1, 1] is an
acceleration along each axis. Velocity changes first and then carries the position, so
that the way of a step is the straight line between two positions and its swept margins
are exact. At the edge of the floor the point stops; along it, it slides.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from telos.envs.raster import DOT_COLOUR, WALL_COLOUR, ZONE_COLOUR, Raster

FLOOR = 1.0
"""Half the side of the floor, metres."""
ACCELERATION = 2.0
"""Largest acceleration along an axis, m/s^2."""
SECONDS = 0.1
"""Duration of a step: 20 of them are 2 s, in which 4 m can be crossed from rest."""
DOT = 0.06
"""Radius of the drawn point, metres: two pixels."""
VIEW = 1.1
"""Half the side of what an image shows, metres."""


def step(states: Tensor, actions: Tensor) -> Tensor:
    """Next states (..., 4) after actions (..., 2) in [-1, 1]."""
    position, velocity = states[..., :2], states[..., 2:]
    velocity = velocity + SECONDS * ACCELERATION * actions
    free = position + SECONDS * velocity
    held = free.clamp(-FLOOR, FLOOR)
    velocity = torch.where(held == free, velocity, torch.zeros_like(velocity))
    return torch.cat([held, velocity], -1)


def draw(positions: np.ndarray, x: np.ndarray, y: np.ndarray, radius: np.ndarray):
    """(B, 64, 64, 3) uint8 images of points at (B, 2), over N discs with fields (B, N).

    A disc of radius 0 is not drawn. Metres, y upwards.
    """
    raster = Raster(len(positions), (-VIEW, -VIEW), 2 * VIEW)
    corners = [np.array([[a, b]]) * (FLOOR + DOT) for a, b in _ROUND]
    for first, second in zip(corners, corners[1:] + corners[:1], strict=True):
        ends = (np.repeat(end, len(positions), 0) for end in (first, second))
        raster.bar(*ends, np.full(1, 0.01), WALL_COLOUR)
    for index in range(radius.shape[1]):
        centre = np.stack([x[:, index], y[:, index]], -1)
        raster.disc(centre, radius[:, index], ZONE_COLOUR)
    raster.disc(positions, np.full(1, DOT), DOT_COLOUR)
    return raster.pixels()


_ROUND = ((-1, -1), (1, -1), (1, 1), (-1, 1))
