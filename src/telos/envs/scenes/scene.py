"""What is in a clip: bodies, furniture, and how it all looks; no motion, no pixels.

Lengths are in sides of the image, x to the right and y upwards from the lower left
corner, and times in frames. The floor is a plane seen from slightly above: a body
stands in a *lane*, and the lane says how high in the picture the floor is there. Bodies
in different lanes pass each other; bodies in one lane collide.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

SHAPES = ("disc", "square", "triangle")
THICKNESS = 0.04
"""Of walls and shelves."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A thing that moves by the laws, as it is at frame 0."""

    x: float
    y: float
    """Of its centre."""
    vx: float = 0.0
    vy: float = 0.0
    lane: float
    """Height of the floor where it is."""
    shape: int = 0
    """Number in ``SHAPES``."""
    colour: tuple[int, int, int]
    """RGB, 0 to 255."""


@dataclass(frozen=True, kw_only=True)
class Wall:
    """Stands across all lanes; whatever reaches a face of it turns around."""

    x: float
    """Of its middle."""
    top: float


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Carries what lands on it, in one lane, as far as its ends."""

    left: float
    right: float
    top: float
    lane: float


@dataclass(frozen=True, kw_only=True)
class Screen:
    """Stands in front of everything, from the lower border up to ``top`` at a time."""

    left: float
    right: float
    times: tuple[float, ...]
    """Frames of the knots; before the first and after the last nothing moves."""
    tops: tuple[float, ...]
    """Heights at the knots, linear between them; 0 or less shows nothing."""

    def top(self, frames: np.ndarray) -> np.ndarray:
        """Height at each of some times."""
        return np.interp(frames, self.times, self.tops)


@dataclass(frozen=True, kw_only=True)
class Look:
    """Colours, patterns and camera of a clip; nothing here obeys a law."""

    backdrop: tuple[int, int, int]
    floor: tuple[int, int, int]
    furniture: tuple[int, int, int]
    """Of walls and shelves."""
    screen: tuple[int, int, int]
    waves: np.ndarray = field(default_factory=lambda: np.zeros((0, 6)))
    """(W, 6) of the backdrop's texture: two frequencies, phase, RGB amplitude."""
    sway: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 0.0)
    """Of the camera: how far in x and y, frames of a period, phase."""
    overlay: float = 0.0
    """Half-width of a pattern of single pixels that is the same in all frames."""
    noise: float = 0.0
    """Half-width of noise that is new in every frame."""
    grain: int = 0
    """Seed of overlay and noise."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that decides a clip."""

    bodies: tuple[Body, ...]
    radius: float
    """Of every body, and with it equal masses."""
    look: Look
    wall: Wall | None = None
    shelf: Shelf | None = None
    screens: tuple[Screen, ...] = ()

    def mirrored(self) -> Scene:
        """The same with left and right exchanged."""
        wall, shelf = self.wall, self.shelf
        return replace(
            self,
            bodies=tuple(replace(b, x=1 - b.x, vx=-b.vx) for b in self.bodies),
            wall=wall and replace(wall, x=1 - wall.x),
            shelf=shelf and replace(shelf, left=1 - shelf.right, right=1 - shelf.left),
            screens=tuple(
                replace(s, left=1 - s.right, right=1 - s.left) for s in self.screens
            ),
        )
