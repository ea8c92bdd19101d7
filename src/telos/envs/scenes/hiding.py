"""Ways to put something out of sight for a while and to show it again."""

from __future__ import annotations

from dataclasses import dataclass

from telos.envs.scenes.dice import Dice, ceil_to, floor_to
from telos.envs.scenes.scene import Screen

SEEN = 4
"""Frames at least that a clip has before something is hidden, and after."""
WIDEST = 0.78
"""A screen leaves this share of the image, at most, to what is beside it."""
LOW_TOPS = (0.58, 0.7)
"""Of screens that hide whatever stands on the floor."""
RISE = (2.0, 4.0)
"""Frames that a screen takes to come up or down."""
LATEST = 2.0
"""Frames, at most, that a screen is up before what it waits for is behind it."""


@dataclass(frozen=True, kw_only=True)
class Hiding:
    """Where a body has to be at frame 0, so that the screen hides it in time."""

    x: float
    vx: float
    radius: float
    screens: tuple[Screen, ...]


def out_of_sight(dice: Dice, hidden: int) -> Hiding:
    """Something passes behind a screen, or a screen rises in front of it and sinks."""
    return passage(dice, hidden) if dice.coin(0.6) else curtain(dice, hidden)


def passage(dice: Dice, hidden: int) -> Hiding:
    """Something moves from left to right behind a screen that is wide enough.

    All of it is covered for ``hidden + 1`` frames at least.
    """
    radius = dice.radius()
    spare = 2 * (radius + dice.margin)
    speed = dice.speed(high=(WIDEST - spare) / (hidden + 1))
    left, right = place(dice, spare + (hidden + 1) * speed)
    half = (right - left - spare) / 2 / speed
    middle = moment(dice, half)
    screen = standing(dice, left, right, by=middle - half)
    x = (left + right) / 2 - speed * middle
    return Hiding(x=x, vx=speed, radius=radius, screens=(screen,))


def curtain(dice: Dice, hidden: int) -> Hiding:
    """A screen rises in front of something at rest, waits and sinks to the floor."""
    radius = dice.radius()
    half = radius + dice.margin
    x = dice.between(half + 0.02, 0.98 - half)
    left = floor_to(x - half - dice.between(0.0, 0.2))
    right = ceil_to(x + half + dice.between(0.0, 0.2))
    up, down = dice.between(*RISE), dice.between(*RISE)
    begin = dice.between(SEEN - 1, dice.last - SEEN + 1 - hidden - up - down)
    stay = begin + up + hidden
    top = dice.between(*LOW_TOPS)
    times = (begin, begin + up, stay, stay + down)
    screen = Screen(left=left, right=right, times=times, tops=(0.0, top, top, 0.0))
    return Hiding(x=x, vx=0.0, radius=radius, screens=(screen,))


def place(dice: Dice, width: float) -> tuple[float, float]:
    """Borders of a screen, at least ``width`` apart, with room on both sides."""
    room = (1 - width) / 2 - 0.09
    middle = 0.5 + (dice.between(-room, room) if room > 0 else 0.0)
    return floor_to(middle - width / 2), ceil_to(middle + width / 2)


def moment(dice: Dice, before: float, after: float | None = None) -> float:
    """A time with ``SEEN`` frames left on either side of what is out of sight."""
    after = before if after is None else after
    return dice.between(SEEN + before, dice.last - SEEN - after)


def standing(dice: Dice, left: float, right: float, by: float) -> Screen:
    """A screen that stands from the first frame on, or comes up by a time."""
    top = dice.between(*LOW_TOPS)
    if by < RISE[0] + 1 or dice.coin(0.7):
        return Screen(left=left, right=right, times=(0.0,), tops=(top,))
    return rising(dice, (left, right), 0.0, top, by)


def rising(
    dice: Dice, borders: tuple[float, float], low: float, high: float, by: float
) -> Screen:
    """A screen that comes up from one height to another and is up by a time."""
    up = dice.between(RISE[0], min(RISE[1], by - 1))
    begin = dice.between(max(by - up - LATEST, 1.0), by - up)
    left, right = borders
    times, tops = (begin, begin + up), (low, high)
    return Screen(left=left, right=right, times=times, tops=tops)
