"""Pictures of a maze drawn in numpy: flat, seen as by MuJoCo's camera, much faster."""

from __future__ import annotations

import numpy as np

from telos.envs.appearance import appearance, canvas
from telos.envs.factors import Look, Table
from telos.envs.raster import SIZE, Raster
from telos.envs.visibility import cell_centres

FLOOR_COLOUR = np.array([0.16, 0.22, 0.30])
WALL_COLOUR = np.array([0.7, 0.5, 0.3])
BALL_COLOUR = np.array([0.3, 0.6, 0.3])
BALL_PIXELS = 6.0
"""Diameter of the drawn ball, pixels; its collision radius stays 0.1 m."""
WIDEST_BALL = 0.7
"""Largest diameter of the drawn ball, metres: a corridor stays wider in every maze."""


def view_of(walls: np.ndarray) -> float:
    """Side of the square that a frame shows, metres: the maze and half its rim."""
    return float(max(walls.shape) - 1)


def ball_of(walls: np.ndarray) -> float:
    """Radius of the drawn ball, metres."""
    return min(BALL_PIXELS * view_of(walls) / SIZE, WIDEST_BALL) / 2


def factors_of(walls: np.ndarray) -> Table:
    """How a maze may look."""
    colours = FLOOR_COLOUR, WALL_COLOUR, BALL_COLOUR
    return appearance(view_of(walls), "m", *colours)


class MazePicture:
    """Draws balls in one maze; walls are drawn once per look."""

    def __init__(self, walls: np.ndarray, look: Look) -> None:
        """Draw what does not move: walls (rows, columns), cells of a metre."""
        self._side, self._ball, self._look = view_of(walls), ball_of(walls), look
        raster = canvas(look, self._low, self._side)
        count = len(look.camera)
        half = np.array([[-0.5, -0.5], [0.5, 0.5]])
        cells = cell_centres(walls)[walls][:, None] + half
        boxes = np.broadcast_to(cells, (count, *cells.shape))
        middle, level = np.zeros((count, 2)), np.zeros(count)
        raster.boxes(middle, level, boxes, look.colour("wall"))
        self._background = raster.pixels()

    def draw(self, positions: np.ndarray) -> np.ndarray:
        """(B, N, 64, 64, 3) uint8 of N balls (B, N, 2), metres, in each maze."""
        batch, num = positions.shape[:2]
        look = self._look.repeated(num)
        background = np.repeat(self._background, num, 0)
        raster = Raster(background, self._low, self._side, look.camera)
        radius = self._ball * look.number("agent_size")
        raster.disc(positions.reshape(-1, 2), radius, look.colour("agent"))
        pixels = look.shine(raster.pixels())
        return pixels.reshape(batch, num, *pixels.shape[1:])

    @property
    def _low(self) -> tuple[float, float]:
        return -self._side / 2, -self._side / 2
