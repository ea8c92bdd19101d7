"""Anti-aliased discs and bars in plain numpy, and the colours of all drawn worlds."""

from __future__ import annotations

import numpy as np

SIZE = 64
"""Side of an image, pixels."""

FLOOR_COLOUR = np.array([0.93, 0.92, 0.89], np.float32)
WALL_COLOUR = np.array([0.16, 0.20, 0.27], np.float32)
DOT_COLOUR = np.array([0.86, 0.18, 0.16], np.float32)
ZONE_COLOUR = np.array([0.95, 0.72, 0.45], np.float32)
"""Of a forbidden place where one is drawn: far from the agent's colour."""


class Raster:
    """B square images of a part of the plane, y upwards; what is drawn last is on top.

    The share of a pixel that a shape covers is taken from the distance of the pixel's
    centre to its edge, so that a shape can be located between pixels.
    """

    def __init__(self, num_images: int, low: tuple[float, float], side: float) -> None:
        """Begin with empty floor.

        Args:
            num_images: B.
            low: x and y of the lower left corner of the image, world units.
            side: Side of the image, world units.
        """
        self._pixel = side / SIZE
        middle = (np.arange(SIZE, dtype=np.float32) + 0.5) * np.float32(self._pixel)
        self._x, self._y = low[0] + middle, (low[1] + middle)[::-1, None]
        shape = (num_images, SIZE, SIZE, 3)
        self._images = np.broadcast_to(FLOOR_COLOUR, shape).copy()

    def disc(self, centre: np.ndarray, radius: np.ndarray, colour: np.ndarray) -> None:
        """Draw discs at (B, 2) with radii (B,); a radius of 0 draws nothing."""
        self.bar(centre, centre, radius, colour)

    def bar(
        self,
        start: np.ndarray,
        end: np.ndarray,
        half: np.ndarray,
        colour: np.ndarray,
    ) -> None:
        """Draw segments between (B, 2) points, (B,) ``half`` thick to either side."""
        start, end = start.astype(np.float32), end.astype(np.float32)
        half = np.broadcast_to(half, len(start)).astype(np.float32)[:, None, None]
        dx, dy = (self._x - _row(start, 0)), (self._y - _row(start, 1))
        along = end - start
        length2 = np.maximum((along**2).sum(-1), 1e-12)[:, None, None]
        time = (dx * _row(along, 0) + dy * _row(along, 1)) / length2
        time = np.clip(time, 0.0, 1.0)
        dx, dy = dx - time * _row(along, 0), dy - time * _row(along, 1)
        inside = (half - np.sqrt(dx**2 + dy**2)) / np.float32(self._pixel)
        cover = np.where(half > 0, np.clip(0.5 + inside, 0.0, 1.0), 0.0)[..., None]
        self._images += cover * (colour - self._images)

    def pixels(self) -> np.ndarray:
        """(B, 64, 64, 3) uint8."""
        return np.rint(255 * self._images).astype(np.uint8)


def _row(points: np.ndarray, index: int) -> np.ndarray:
    return points[:, index, None, None]
