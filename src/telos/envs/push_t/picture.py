"""Pictures of the pushing world in the colours of the original, drawn in numpy."""

from __future__ import annotations

import numpy as np

from telos.envs.factors import Look
from telos.envs.push_t.physics import (
    AGENT,
    ARENA,
    BLOCK,
    WALL_HIGH,
    WALL_LOW,
    WALL_RADIUS,
)
from telos.envs.push_t.shape import BOXES, CENTRE, centre_of
from telos.envs.raster import Raster

WALL_COLOUR = np.full(3, 211 / 255)
LIGHT = 1.2
"""The inside of what moves is brighter than its outline by this factor."""
BLOCK_LINE, AGENT_LINE = 2.0, 4.0
"""The T's outline reaches this far to either side of its edge, the agent's inwards,
pixels of the arena."""


class Painter:
    """Draws states of B environments whose looks and targets stay as they are."""

    def __init__(self, look: Look, target: np.ndarray | None, size: int) -> None:
        """Draw what does not move.

        Args:
            look: Colours, light, sizes and cameras.
            target: (B, 3) pose of the T that is marked, or None to mark none.
            size: Side of the images, pixels.
        """
        self._look = look
        ground = np.rint(255 * _lit(look, look.colour("background"))).astype(np.uint8)
        shape = len(ground), size, size, 3
        raster = _raster(np.broadcast_to(ground[:, None, None], shape))
        if target is not None:
            _draw_block(raster, look, target, 0.0, look.colour("target"))
        _draw_walls(raster, look)
        self._background = raster.pixels()

    def draw(self, states: np.ndarray) -> np.ndarray:
        """(B, N, size, size, 3) uint8 of N states (B, N, 10) of each environment."""
        batch, num = states.shape[:2]
        look, flat = self._look.repeated(num), states.reshape(batch * num, -1)
        raster = _raster(np.repeat(self._background, num, 0))
        colour, pose = look.colour("block"), flat[:, BLOCK]
        _draw_block(raster, look, pose, BLOCK_LINE, colour)
        _draw_block(raster, look, pose, -BLOCK_LINE, LIGHT * colour)
        colour, centre = look.colour("agent"), _seen(look, flat[:, AGENT])
        radius = look.number("agent_radius")
        raster.disc(centre, radius, _lit(look, colour))
        raster.disc(centre, radius - AGENT_LINE, _lit(look, LIGHT * colour))
        pixels = raster.pixels()
        return pixels.reshape(batch, num, *pixels.shape[1:])


def _raster(background: np.ndarray) -> Raster:
    return Raster(background, (0.0, -ARENA), ARENA)


def _seen(look: Look, points: np.ndarray) -> np.ndarray:
    """(B, 2) points as the raster wants them: less the camera's, y upwards."""
    return (points - look.camera) * np.array([1.0, -1.0])


def _lit(look: Look, colour: np.ndarray) -> np.ndarray:
    """(B, 3) colours (B, 3) in the light of each environment."""
    light = np.minimum(look.values["brightness"] * np.minimum(colour, 1.0), 1.0)
    return light.astype(np.float32)


def _draw_block(
    raster: Raster, look: Look, pose: np.ndarray, grown: float, colour: np.ndarray
) -> None:
    """A T whose rectangles are larger by ``grown`` px at every side."""
    # Around the centre, which needs the smallest patch; mirrored, as y points up.
    corners = (BOXES - CENTRE) * np.array([1.0, -1.0])
    boxes = np.stack([corners.min(1), corners.max(1)], 1)
    scale = look.number("block_scale")
    boxes = scale[:, None, None, None] * boxes + grown * np.array([[-1.0], [1.0]])
    centre = _seen(look, centre_of(pose, scale))
    raster.boxes(centre, -pose[:, 2], boxes, _lit(look, colour))


def _draw_walls(raster: Raster, look: Look) -> None:
    low, high, half = WALL_LOW, WALL_HIGH, WALL_RADIUS
    ends = np.array([[low, low], [low, high], [low, low], [high, low]])
    others = np.array([[high, low], [high, high], [low, high], [high, high]])
    sides = np.stack([ends - half, others + half], 1)
    middle = (low + high) / 2
    batch = len(look.number("block_scale"))
    raster.boxes(
        _seen(look, np.full((batch, 2), middle)),
        np.zeros(batch),
        np.broadcast_to(sides - middle, (batch, 4, 2, 2)),
        _lit(look, np.broadcast_to(WALL_COLOUR, (batch, 3))),
    )
