"""A point mass on a square floor: the physics and the picture of two worlds.

The state is position (m) and velocity (m/s), (..., 4); the action in [-1, 1] is an
acceleration along each axis. Velocity changes first and then carries the position, so
that the way of a step is the straight line between two positions and its swept margins
are exact. At the edge of the floor the point stops; along it, it slides.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from telos.envs.appearance import MARK, appearance, canvas
from telos.envs.factors import Look
from telos.envs.raster import SIZE, Raster

FLOOR = 1.0
"""Half the side of the floor, metres."""
ACCELERATION = 2.0
"""Largest acceleration along an axis, m/s^2."""
SECONDS = 0.1
"""Duration of a step: 20 of them are 2 s, in which 4 m can be crossed from rest."""
DOT = 0.06
"""Radius of the drawn point, metres: two pixels."""
EDGE = 0.01
"""Half the thickness of the drawn edge of the floor, metres."""
VIEW = 1.1
"""Half the side of what an image shows, metres."""
CLOSE = 0.4
"""Half the width of what a camera above the point itself shows, metres."""
WIDE, HIGH = SIZE, 3 * SIZE // 4
"""Columns and rows of that camera's images."""
FACTORS = {**appearance(2 * VIEW, "m"), **MARK}
"""How a floor may look."""


def step(states: Tensor, actions: Tensor) -> Tensor:
    """Next states (..., 4) after actions (..., 2) in [-1, 1]."""
    position, velocity = states[..., :2], states[..., 2:]
    velocity = velocity + SECONDS * ACCELERATION * actions
    free = position + SECONDS * velocity
    held = free.clamp(-FLOOR, FLOOR)
    velocity = torch.where(held == free, velocity, torch.zeros_like(velocity))
    return torch.cat([held, velocity], -1)


def floor(x: np.ndarray, y: np.ndarray, radius: np.ndarray, look: Look) -> np.ndarray:
    """(B, 64, 64, 3) uint8 images of floors with N discs, fields (B, N), y upwards.

    Nothing is drawn of a disc whose radius is 0, and no light is cast.
    """
    raster = canvas(look, (-VIEW, -VIEW), 2 * VIEW)
    _furnish(raster, x, y, radius, look)
    return raster.pixels()


def draw(positions: np.ndarray, background: np.ndarray, look: Look) -> np.ndarray:
    """(B, 64, 64, 3) uint8 images of points at (B, 2) on floors."""
    raster = Raster(background, (-VIEW, -VIEW), 2 * VIEW, look.camera)
    raster.disc(positions, DOT * look.number("agent_size"), look.colour("agent"))
    return look.shine(raster.pixels())


def draw_close(
    positions: np.ndarray, x: np.ndarray, y: np.ndarray, radius: np.ndarray, look: Look
) -> np.ndarray:
    """(B, 48, 64, 3) uint8 images of what is near points at (B, 2), in the middle.

    Discs are given as for `floor`. Where neither an edge nor a disc is near, an image
    does not tell where its point is.
    """
    empty = canvas(look, (-CLOSE, -CLOSE), 2 * CLOSE).pixels()
    raster = Raster(empty, (-CLOSE, -CLOSE), 2 * CLOSE, positions + look.camera)
    _furnish(raster, x, y, radius, look)
    raster.disc(positions, DOT * look.number("agent_size"), look.colour("agent"))
    cut = (SIZE - HIGH) // 2
    return look.shine(np.ascontiguousarray(raster.pixels()[:, cut : cut + HIGH]))


def _furnish(
    raster: Raster, x: np.ndarray, y: np.ndarray, radius: np.ndarray, look: Look
) -> None:
    """Draw the edge of the floor and N discs, fields (B, N)."""
    num = len(radius)
    for first, second in pairwise(_ROUND):
        start, end = (np.full((num, 2), corner) for corner in (first, second))
        raster.bar(start, end, EDGE, look.colour("wall"))
    for index in range(radius.shape[1]):
        centre = np.stack([x[:, index], y[:, index]], -1)
        raster.disc(centre, radius[:, index], look.colour("mark"))


_RIM = FLOOR + DOT
_ROUND = ((-_RIM, -_RIM), (_RIM, -_RIM), (_RIM, _RIM), (-_RIM, _RIM), (-_RIM, -_RIM))
"""Corners of the drawn edge: the point's centre stops where its disc touches it."""
