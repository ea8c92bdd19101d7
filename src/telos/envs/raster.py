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


def empty_floor(num_images: int) -> np.ndarray:
    """(B, 64, 64, 3) uint8 images of nothing."""
    colour = np.rint(255 * FLOOR_COLOUR).astype(np.uint8)
    return np.broadcast_to(colour, (num_images, SIZE, SIZE, 3))


class Raster:
    """B square images of a part of the plane, y upwards; what is drawn last is on top.

    The share of a pixel that a shape covers is taken from the distance of the pixel's
    centre to its edge, so that a shape can be located between pixels.
    """

    def __init__(
        self, background: np.ndarray, low: tuple[float, float], side: float
    ) -> None:
        """Begin with a copy of images.

        Args:
            background: (B, 64, 64, 3) uint8.
            low: x and y of the lower left corner of the image, world units.
            side: Side of the image, world units.
        """
        self._pixel = side / SIZE
        middle = ((np.arange(SIZE) + 0.5) * self._pixel).astype(np.float32)
        self._x, self._y = low[0] + middle, (low[1] + middle)[::-1]
        self._images = np.array(background, order="C")

    def disc(self, centre: np.ndarray, radius: np.ndarray, colour: np.ndarray) -> None:
        """Draw discs at (B, 2) with radii (B,) or (1,); 0 draws nothing."""
        centre = centre.astype(np.float32)
        dx = (self._x - centre[:, :1]) ** 2
        dy = (self._y - centre[:, 1:]) ** 2
        self._blend(dx[:, None] + dy[:, :, None], radius, colour)

    def bar(
        self, start: np.ndarray, end: np.ndarray, half: float, colour: np.ndarray
    ) -> None:
        """Draw segments between (B, 2) points, ``half`` thick to either side."""
        start, along = start.astype(np.float32), (end - start).astype(np.float32)
        dx = (self._x - start[:, :1])[:, None]
        dy = (self._y - start[:, 1:])[:, :, None]
        ax, ay = along[:, 0, None, None], along[:, 1, None, None]
        length2 = np.maximum(ax**2 + ay**2, np.float32(1e-12))
        time = np.clip((dx * ax + dy * ay) / length2, 0.0, 1.0)
        distance2 = (dx - time * ax) ** 2 + (dy - time * ay) ** 2
        self._blend(distance2, np.full(1, half), colour)

    def pixels(self) -> np.ndarray:
        """(B, 64, 64, 3) uint8."""
        return self._images

    def _blend(
        self, distance2: np.ndarray, reach: np.ndarray, colour: np.ndarray
    ) -> None:
        """Cover what is within ``reach`` (B,) or (1,), by squared distances."""
        reach = np.broadcast_to(reach, len(distance2)).astype(np.float32)
        outer = np.where(reach > 0, reach + 0.5 * self._pixel, 0.0).astype(np.float32)
        touched = np.flatnonzero(distance2 < outer[:, None, None] ** 2)
        inside = reach[touched // SIZE**2] - np.sqrt(distance2.reshape(-1)[touched])
        cover = np.clip(0.5 + inside / self._pixel, 0.0, 1.0)[:, None]
        flat = self._images.reshape(-1, 3)
        under = flat[touched].astype(np.float32)
        over = under + cover * (255 * colour - under)
        flat[touched] = np.rint(over).astype(np.uint8)
