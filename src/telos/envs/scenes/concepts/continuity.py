"""Continuity: ways have no gaps; nothing jumps to another lane or ahead in time."""

from __future__ import annotations

from dataclasses import replace

from telos.envs.scenes.dice import Dice
from telos.envs.scenes.hiding import (
    WIDEST,
    moment,
    out_of_sight,
    place,
    standing,
)
from telos.envs.scenes.scene import Scene

APART = (3.0, 4.5)
"""Frames by which one passage is later than the other."""


def stage(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """The same body in one of two lanes, or early or late in the same lane."""
    return _lanes(dice, hidden) if dice.coin() else _times(dice, hidden)


def _lanes(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    way = out_of_sight(dice, hidden)
    near, far = dice.lanes(2)
    body = dice.body(near, way.radius, way.x, way.vx)
    other = replace(body, lane=far, y=far + way.radius)
    scene = Scene(
        bodies=(body,), radius=way.radius, look=dice.look(), screens=way.screens
    )
    return scene, replace(scene, bodies=(other,))


def _times(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """Both passages are hidden together for long enough: the screen is that wider."""
    radius, apart = dice.radius(), dice.between(*APART)
    spare = 2 * (radius + dice.margin)
    speed = dice.speed(high=(WIDEST - spare) / (hidden + 1 + apart))
    left, right = place(dice, spare + (hidden + 1 + apart) * speed)
    half = (right - left - spare) / 2 / speed
    early = moment(dice, half, half + apart)
    (lane,), start = dice.lanes(), (left + right) / 2 - speed * early
    body = dice.body(lane, radius, start, speed)
    late = replace(body, x=start - speed * apart)
    screen = standing(dice, left, right, by=early - half)
    scene = Scene(bodies=(body,), radius=radius, look=dice.look(), screens=(screen,))
    other = replace(scene, bodies=(late,))
    return (scene, other) if dice.coin() else (other, scene)
