"""Draw on small frames: enlarge them, add paths, circles and zones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int, int]
"""Red, green, blue and opacity, 0 to 255."""

PATH: Colour = (30, 100, 200, 220)
IMAGINED: Colour = (20, 150, 110, 110)
ROUTE: Colour = (150, 90, 160, 160)
ZONE: Colour = (200, 60, 40, 70)
ZONE_EDGE: Colour = (200, 60, 40, 255)
GOAL: Colour = (30, 30, 30, 255)
STATUS: Mapping[str, Colour] = {
    "certified": (20, 150, 110, 255),
    "backup": (230, 159, 0, 255),
    "infeasible": (200, 60, 40, 255),
}
"""Colours that stay apart for the colour-blind."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """The world that an image spans; `top` may be above or below `bottom` in value."""

    left: float
    right: float
    top: float
    bottom: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Extent:
        """From (x_min, x_max, y at the top edge, y at the bottom edge)."""
        left, right, top, bottom = (float(number) for number in numbers)
        return cls(left=left, right=right, top=top, bottom=bottom)

    def pixels(self, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """(..., 2) points in pixels of an image of a (width, height)."""
        origin = np.array([self.left, self.top])
        span = np.array([self.right - self.left, self.bottom - self.top])
        return (np.asarray(points, float) - origin) / span * np.asarray(size, float)


class Canvas:
    """An enlarged frame to draw on in world units."""

    def __init__(self, frame: np.ndarray, scale: int, extent: Extent) -> None:
        """Take a (H, W, 3) uint8 frame, how many times to enlarge it, and its world."""
        self._image = Image.fromarray(upscale(frame, scale))
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        self._extent, self._scale = extent, scale

    def polyline(self, points: np.ndarray, colour: Colour, width: int = 2) -> None:
        """Connect (N, 2) points; points that are not finite end the line."""
        finite = np.isfinite(points).all(-1)
        points = points[: len(points) if finite.all() else int(finite.argmin())]
        if len(points) >= 2:
            line = [tuple(p) for p in self._pixels(points)]
            self._draw.line(line, fill=colour, width=width, joint="curve")

    def dot(self, point: np.ndarray, colour: Colour, radius: float = 3.0) -> None:
        """A ring of a radius in pixels of the enlarged image."""
        x, y = self._pixels(np.asarray(point))
        box = (x - radius, y - radius, x + radius, y + radius)
        self._draw.ellipse(box, outline=colour, width=2)

    def disc(self, centre: np.ndarray, radius: float) -> None:
        """A filled zone with an edge; the radius is in world units."""
        corners = np.stack([np.asarray(centre) - radius, np.asarray(centre) + radius])
        self._draw.ellipse(self._box(corners), fill=ZONE, outline=ZONE_EDGE, width=2)

    def box(self, low: np.ndarray, high: np.ndarray) -> None:
        """A filled rectangular zone with an edge."""
        corners = self._box(np.stack([low, high]))
        self._draw.rectangle(corners, fill=ZONE, outline=ZONE_EDGE, width=2)

    def frame(self, colour: Colour) -> None:
        """An edge around the whole image."""
        width, height = self._image.size
        self._draw.rectangle((0, 0, width - 1, height - 1), outline=colour, width=3)

    def array(self) -> np.ndarray:
        """(H, W, 3) uint8."""
        return np.asarray(self._image).copy()

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        return self._extent.pixels(points, self._image.size)

    def _box(self, corners: np.ndarray) -> tuple[float, float, float, float]:
        pixels = self._pixels(corners)
        (left, top), (right, bottom) = pixels.min(0), pixels.max(0)
        return float(left), float(top), float(right), float(bottom)


def upscale(frame: np.ndarray, scale: int) -> np.ndarray:
    """Enlarge (H, W, 3) without smoothing."""
    return np.repeat(np.repeat(frame, scale, axis=0), scale, axis=1)


def draw_zones(canvas: Canvas, zones: Iterable[Mapping[str, Any]]) -> None:
    """Draw entries of a zones file; what has no place in a picture is left out."""
    for zone in zones:
        if "center" in zone:
            canvas.disc(np.asarray(zone["center"]), float(zone["radius"]))
        elif zone.get("type") == "keep-out-box":
            canvas.box(np.asarray(zone["low"]), np.asarray(zone["high"]))
