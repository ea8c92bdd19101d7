"""Anti-aliased shapes in plain numpy, and the colours of all drawn worlds."""

from __future__ import annotations

import numpy as np

SIZE = 64
"""Usual side of an image, pixels."""

FLOOR_COLOUR = np.array([0.93, 0.92, 0.89], np.float32)
WALL_COLOUR = np.array([0.16, 0.20, 0.27], np.float32)
DOT_COLOUR = np.array([0.86, 0.18, 0.16], np.float32)
ZONE_COLOUR = np.array([0.95, 0.72, 0.45], np.float32)
"""Of a forbidden place where one is drawn: far from the agent's colour."""


class Raster:
    """B square images of a part of the plane, y upwards; what is drawn last is on top.

    The share of a pixel that a shape covers is taken from the distance of the pixel's
    centre to its edge, so that a shape can be located between pixels. A colour is (3,)
    in [0, 1], or (B, 3), one per image.
    """

    def __init__(
        self,
        background: np.ndarray,
        low: tuple[float, float],
        side: float,
        camera: np.ndarray | None = None,
    ) -> None:
        """Begin with a copy of images.

        Args:
            background: (B, size, size, 3) uint8.
            low: x and y of the lower left corner of the image, world units.
            side: Side of the image, world units.
            camera: (B, 2) by which what an image shows is shifted, world units.
        """
        self._camera = np.zeros((1, 2)) if camera is None else camera
        self._size = background.shape[1]
        self._pixel = side / self._size
        middle = ((np.arange(self._size) + 0.5) * self._pixel).astype(np.float32)
        self._x, self._y = low[0] + middle, (low[1] + middle)[::-1]
        self._images = np.array(background, order="C")

    def disc(self, centre: np.ndarray, radius: np.ndarray, colour: np.ndarray) -> None:
        """Draw discs at (B, 2) with radii (B,) or (1,); 0 draws nothing."""
        centre = (centre - self._camera).astype(np.float32)
        dx = (self._x - centre[:, :1]) ** 2
        dy = (self._y - centre[:, 1:]) ** 2
        self._blend(dx[:, None] + dy[:, :, None], radius, colour)

    def bar(
        self,
        start: np.ndarray,
        end: np.ndarray,
        half: np.ndarray | float,
        colour: np.ndarray,
    ) -> None:
        """Draw segments between (B, 2) points, ``half`` or (B,) thick to each side."""
        along = (end - start).astype(np.float32)
        start = (start - self._camera).astype(np.float32)
        dx = (self._x - start[:, :1])[:, None]
        dy = (self._y - start[:, 1:])[:, :, None]
        ax, ay = along[:, 0, None, None], along[:, 1, None, None]
        length2 = np.maximum(ax**2 + ay**2, np.float32(1e-12))
        time = np.clip((dx * ax + dy * ay) / length2, 0.0, 1.0)
        distance2 = (dx - time * ax) ** 2 + (dy - time * ay) ** 2
        self._blend(distance2, np.reshape(half, -1), colour)

    def boxes(
        self,
        centre: np.ndarray,
        angle: np.ndarray,
        boxes: np.ndarray,
        colour: np.ndarray,
    ) -> None:
        """Draw rectangles that abut or lie apart, fixed to frames that turn.

        Args:
            centre: (B, 2) origin of each frame.
            angle: (B,) by which it is turned, radians, counterclockwise.
            boxes: (B, N, 2, 2) rectangle, low and high corner, in the frame's x and y.
            colour: Of all of them.
        """
        boxes = (boxes / self._pixel).astype(np.float32)
        centre = centre - self._camera
        column = (centre[:, :1] - self._x[0]) / self._pixel
        row = (self._y[0] - centre[:, 1:]) / self._pixel
        columns, rows = (_around(at, boxes) for at in (column, row))
        dx = (columns - column).astype(np.float32)[:, None]
        dy = (row - rows).astype(np.float32)[:, :, None]
        turn = angle.astype(np.float32)[:, None, None]
        cos, sin = np.cos(turn), np.sin(turn)
        cover = _shares(cos * dx + sin * dy, cos * dy - sin * dx, boxes)
        rows, columns = rows[:, :, None], columns[:, None]
        image = np.arange(len(boxes))[:, None, None]
        shown = (np.minimum(rows, columns) >= 0) & (cover > 0)
        shown &= np.maximum(rows, columns) < self._size
        touched = (image * self._size + rows) * self._size + columns
        self._cover(touched[shown], cover[shown], colour)

    def pixels(self) -> np.ndarray:
        """(B, size, size, 3) uint8."""
        return self._images

    def _blend(
        self, distance2: np.ndarray, reach: np.ndarray, colour: np.ndarray
    ) -> None:
        """Cover what is within ``reach`` (B,) or (1,), by squared distances."""
        reach = np.broadcast_to(reach, len(distance2)).astype(np.float32)
        outer = np.where(reach > 0, reach + 0.5 * self._pixel, 0.0).astype(np.float32)
        touched = np.flatnonzero(distance2 < outer[:, None, None] ** 2)
        image = touched // self._size**2
        inside = reach[image] - np.sqrt(distance2.reshape(-1)[touched])
        self._cover(touched, np.clip(0.5 + inside / self._pixel, 0.0, 1.0), colour)

    def _cover(
        self, touched: np.ndarray, cover: np.ndarray, colour: np.ndarray
    ) -> None:
        """Blend a colour over pixels, numbered through all images, by shares."""
        if colour.ndim == 2:
            colour = colour[touched // self._size**2]
        flat = self._images.reshape(-1, 3)
        under = flat[touched].astype(np.float32)
        over = under + cover[:, None] * (255 * colour - under)
        flat[touched] = np.rint(over).astype(np.uint8)


def _around(at: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(B, P) numbers of the pixels near (B, 1) that turned boxes can reach."""
    reach = np.hypot(*np.abs(boxes).max((0, 1, 2))) + 1.0
    side = np.arange(int(np.ceil(2 * reach)) + 1)
    return np.floor(at - reach).astype(int) + side


def _shares(x: np.ndarray, y: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(B, P, P) shares that boxes cover of pixels at places in their frame."""
    total = np.zeros_like(x)
    for box in np.moveaxis(boxes, 1, 0):
        (left, low), (right, high) = np.moveaxis(box[..., None, None], 0, 2)
        total += _overlap(x, left, right) * _overlap(y, low, high)
    return np.minimum(total, 1.0)


def _overlap(at: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Share of the pixel around ``at`` that lies between two borders."""
    return np.clip(np.minimum(high, at + 0.5) - np.maximum(low, at - 0.5), 0.0, 1.0)
