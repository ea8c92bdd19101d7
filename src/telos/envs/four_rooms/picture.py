"""The grid seen from above: walls by the area that they cover, an agent with a nose."""

from __future__ import annotations

import numpy as np

from telos.envs.appearance import appearance
from telos.envs.factors import Look
from telos.envs.four_rooms.grid import SIDE, STEPS
from telos.envs.raster import SIZE, Raster

FACTORS = appearance(float(SIDE), "cells")
"""How a grid may look; a camera's y grows downwards, as rows do."""
BODY, NOSE = 0.45, 0.16
"""Radius of the agent and half the thickness of its nose, cells."""
FLIP = np.array([1.0, -1.0])


def draw_walls(walls: np.ndarray, look: Look) -> np.ndarray:
    """(B, 64, 64, 3) uint8 grids (B, 19, 19) without agent and light.

    What lies outside of a grid counts as wall.
    """
    across, down = (_covered(shift) for shift in look.camera.T)
    free = down @ (~walls).astype(np.float32) @ across.transpose(0, 2, 1)
    floor, wall = (look.colour(name)[:, None, None] for name in ("floor", "wall"))
    return np.rint(255 * (wall + free[..., None] * (floor - wall))).astype(np.uint8)


def draw_agents(background: np.ndarray, poses: np.ndarray, look: Look) -> np.ndarray:
    """(B, 64, 64, 3) uint8 images of agents in poses (B, 3) on their grids."""
    raster = Raster(background, (0.0, 0.0), float(SIDE), look.camera * FLIP)
    centre = np.stack([poses[:, 0] + 0.5, SIDE - 0.5 - poses[:, 1]], -1)
    ahead = STEPS[poses[:, 2].astype(int)] * FLIP
    size = look.number("agent_size")
    raster.disc(centre, BODY * size, look.colour("agent"))
    nose = centre + BODY * size[:, None] * ahead
    raster.bar(centre, nose, NOSE * size, look.colour("wall"))
    return look.shine(raster.pixels())


def _covered(shift: np.ndarray) -> np.ndarray:
    """(B, 64, 19) share of each pixel that each cell covers, along one axis."""
    edges = shift[:, None, None] + np.arange(SIZE + 1)[:, None] * SIDE / SIZE
    cells = np.arange(SIDE)
    overlap = np.minimum(edges[:, 1:], cells + 1) - np.maximum(edges[:, :-1], cells)
    return (np.clip(overlap, 0.0, None) * SIZE / SIDE).astype(np.float32)
