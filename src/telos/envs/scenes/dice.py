"""Random choices for a clip, from one generator and within its conditions."""

from __future__ import annotations

import numpy as np

from telos.envs.scenes.conditions import COLOURS, LANES, SPEEDS, Conditions
from telos.envs.scenes.scene import SHAPES, Body, Look

RADII = (0.06, 0.085)
FINEST = 1 / 32
"""Side of a pixel of the smaller image; borders of screens are multiples of it."""
WAVES = 5
WAVE_HEIGHT = 12.0
"""Largest amplitude of one wave of a texture, of 255."""


class CannotFitError(Exception):
    """What was drawn so far leaves no room for the rest: draw again."""


class Dice:
    """What a scene is drawn with; the order of calls decides, nothing else."""

    def __init__(self, rng: np.random.Generator, conditions: Conditions) -> None:
        self.rng, self.conditions = rng, conditions

    @property
    def margin(self) -> float:
        """From the border of a screen to what must not show: half a pixel of edge, and
        as much again where the border lies inside a pixel because the camera sways."""
        return FINEST if self.conditions.camera else FINEST / 2

    @property
    def last(self) -> int:
        """The last frame."""
        return self.conditions.frames - 1

    def coin(self, share: float = 0.5) -> bool:
        return bool(self.rng.random() < share)

    def between(self, low: float, high: float) -> float:
        """Uniform.

        Raises:
            CannotFitError: If ``low`` is above ``high``.
        """
        if low > high:
            raise CannotFitError
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        if low > high:
            raise CannotFitError
        return int(self.rng.integers(low, high + 1))

    def speed(self, low: float = 0.0, high: float = 1.0) -> float:
        """An allowed speed within bounds, sides of the image per frame.

        Raises:
            CannotFitError: If none is allowed there.
        """
        parts = [(max(a, low), min(b, high)) for a, b in self._speeds]
        widths = np.array([max(b - a, 0.0) for a, b in parts])
        if not widths.any():
            raise CannotFitError
        a, b = parts[self.rng.choice(len(parts), p=widths / widths.sum())]
        return self.between(a, b)

    def radius(self) -> float:
        return self.between(*RADII)

    def lanes(self, number: int = 1) -> list[float]:
        """Different lanes in random order."""
        lanes = LANES[self.conditions.lanes]
        return [lanes[i] for i in self.rng.permutation(len(lanes))[:number]]

    def colours(self, number: int = 1) -> list[tuple[int, int, int]]:
        """Different colours in random order."""
        colours = COLOURS[self.conditions.colours]
        return [colours[i] for i in self.rng.permutation(len(colours))[:number]]

    def shapes(self, number: int = 1) -> list[int]:
        """Different shapes in random order."""
        return [int(i) for i in self.rng.permutation(len(SHAPES))[:number]]

    def body(self, lane: float, radius: float, x: float, vx: float = 0.0) -> Body:
        """Something on the floor."""
        (shape,), (colour,) = self.shapes(), self.colours()
        y = lane + radius
        return Body(x=x, y=y, vx=vx, lane=lane, shape=shape, colour=colour)

    def look(self) -> Look:
        """Muted colours, the patterns that the conditions ask for, and the camera."""
        rng, conditions = self.rng, self.conditions
        across, up = conditions.camera * rng.uniform(0.5, 1, 2) * rng.choice([-1, 1], 2)
        waves = np.zeros((0, 6))
        if conditions.textured:
            frequencies = rng.uniform(-6, 6, (WAVES, 2))
            phases = rng.uniform(0, 1, (WAVES, 1))
            heights = rng.uniform(-WAVE_HEIGHT, WAVE_HEIGHT, (WAVES, 3))
            waves = np.hstack([frequencies, phases, heights])
        return Look(
            backdrop=self._muted(196, 226),
            floor=self._muted(140, 172),
            furniture=self._muted(30, 64),
            screen=self._muted(84, 116),
            waves=waves,
            sway=(across, up, self.between(16, 40), self.between(0, 6.28)),
            overlay=conditions.overlay,
            noise=conditions.noise,
            grain=int(rng.integers(2**31)),
        )

    @property
    def _speeds(self) -> tuple[tuple[float, float], ...]:
        return SPEEDS[self.conditions.speeds]

    def _muted(self, low: int, high: int) -> tuple[int, int, int]:
        """A grey with a tinge."""
        grey, *tinge = self.rng.integers((low, -8, -8, -8), (high, 9, 9, 9)).tolist()
        red, green, blue = (grey + part for part in tinge)
        return red, green, blue


def floor_to(value: float, step: float = FINEST) -> float:
    """The border of a pixel at or below a place."""
    return float(np.floor(value / step + 1e-9) * step)


def ceil_to(value: float, step: float = FINEST) -> float:
    return float(np.ceil(value / step - 1e-9) * step)
