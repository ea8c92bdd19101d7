"""Who knows the laws and what shows, and is surprised by nothing else.

The ceiling of every table of surprise: it reads the true states instead of pixels, but
only of what is in sight. What is out of sight it imagines by the laws of `motion`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from telos.envs.scenes.conditions import MAX_BODIES
from telos.envs.scenes.laws import ENTERED, GLIMPSE, shares_hidden, shares_in_image
from telos.envs.scenes.motion import Motion
from telos.envs.scenes.scene import Body, Screen, Shelf, Wall
from telos.envs.scenes.states import STATE_NAMES

ROUNDING = 1e-3
"""Differences below it are those of single precision."""
Row = Mapping[str, float]


def track(states: np.ndarray) -> np.ndarray:
    """Surprise of who keeps track of things: 0 where the laws hold.

    It is the distance of what shows from where it should be, plus 1 for another look,
    for what appears out of nothing and for what should show and does not.

    Args:
        states: (..., T, K) of clips, named ``STATE_NAMES``: ``Quadruplets.states``.

    Returns:
        (..., T); the first frame surprises nobody.
    """
    surprise = np.zeros(states.shape[:-1])
    for clip in np.ndindex(states.shape[:-2]):
        rows = [_row(numbers) for numbers in states[clip]]
        tracker = _Tracker(radius=rows[0]["radius"])
        tracker.begin(rows[0])
        surprise[clip][1:] = [tracker.see(row) for row in rows[1:]]
    return surprise


@dataclass(kw_only=True)
class _Tracker:
    """What is believed to be there."""

    radius: float
    bodies: dict[int, Body] = field(default_factory=dict)
    wall: Wall | None = None
    shelf: Shelf | None = None

    def begin(self, row: Row) -> None:
        """Believe what shows first."""
        self._look_around(row)
        for index in range(MAX_BODIES):
            if row[f"visible{index}"] > GLIMPSE:
                self.bodies[index] = _body(row, index)

    def see(self, row: Row) -> float:
        """Imagine the next frame, compare it with what shows, and believe that."""
        numbers, bodies = list(self.bodies), list(self.bodies.values())
        motion = Motion(bodies, self.radius, self.wall, self.shelf)
        motion.wait(1.0)
        for number, body, state in zip(numbers, bodies, motion.state(), strict=True):
            x, y, vx, vy = state
            self.bodies[number] = _moved(body, x, y, vx, vy)
        self._look_around(row)
        return sum(self._notice(row, index) for index in range(MAX_BODIES))

    def _notice(self, row: Row, index: int) -> float:
        expected = self.bodies.get(index)
        if row[f"visible{index}"] <= GLIMPSE:
            missing = expected is not None and self._shows(row, expected) > 2 * GLIMPSE
            return float(missing)
        found = _body(row, index)
        self.bodies[index] = found
        if expected is None:
            return float(not self._comes_in(found))
        return _difference(expected, found)

    def _shows(self, row: Row, body: Body) -> float:
        """Share of a body that should show."""
        screens = (_screen(row),) if row["screen"] else ()
        place = np.array([[body.x, body.y]])
        hidden = shares_hidden(screens, self.radius, place, np.zeros(1))
        return float((shares_in_image(self.radius, place) - hidden)[0])

    def _comes_in(self, body: Body) -> bool:
        """Whether most of a body was outside the image one frame ago."""
        before = np.array([[body.x - body.vx, body.y - body.vy]])
        return bool(shares_in_image(self.radius, before)[0] <= ENTERED)

    def _look_around(self, row: Row) -> None:
        """Believe of the furniture what shows of it."""
        if row["wall"] and not _covered(row, row["wall_x"], row["wall_top"]):
            self.wall = Wall(x=row["wall_x"], top=row["wall_top"])
        if not row["shelf"]:
            return
        ends = {end: row[f"shelf_{end}"] for end in ("left", "right")}
        top = row["shelf_top"]
        for end, x in ends.items():
            if self.shelf is not None and _covered(row, x, top):
                ends[end] = getattr(self.shelf, end)
        if self.shelf is not None or not _covered(row, sum(ends.values()) / 2, top):
            self.shelf = Shelf(**ends, top=top, lane=row["shelf_lane"])


def _row(numbers: np.ndarray) -> Row:
    return dict(zip(STATE_NAMES, map(float, numbers), strict=True))


def _body(row: Row, index: int) -> Body:
    def part(name: str) -> float:
        return row[f"{name}{index}"]

    def byte(name: str) -> int:
        return round(255 * part(name))

    return Body(
        x=part("x"),
        y=part("y"),
        vx=part("vx"),
        vy=part("vy"),
        lane=part("lane"),
        shape=int(part("shape")),
        colour=(byte("red"), byte("green"), byte("blue")),
    )


def _moved(body: Body, x: float, y: float, vx: float, vy: float) -> Body:
    return Body(
        x=x, y=y, vx=vx, vy=vy, lane=body.lane, shape=body.shape, colour=body.colour
    )


def _screen(row: Row) -> Screen:
    borders = {end: row[f"screen_{end}"] for end in ("left", "right")}
    return Screen(**borders, times=(0.0,), tops=(row["screen_top"],))


def _covered(row: Row, x: float, y: float) -> bool:
    """Whether a point is behind the screen."""
    beside = not row["screen_left"] <= x <= row["screen_right"]
    return bool(row["screen"]) and not beside and y <= row["screen_top"]


def _difference(expected: Body, found: Body) -> float:
    """How far a body is from where it should be, and how different it looks."""
    names = "x", "y", "vx", "vy", "lane"
    off = sum(abs(getattr(expected, n) - getattr(found, n)) for n in names)
    changed = (expected.shape != found.shape) + (expected.colour != found.colour)
    return (off if off > ROUNDING else 0.0) + changed
