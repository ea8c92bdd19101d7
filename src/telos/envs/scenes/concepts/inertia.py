"""Inertia: without a cause nothing changes its speed or turns around."""

from __future__ import annotations

from dataclasses import replace

from telos.envs.scenes.dice import Dice
from telos.envs.scenes.hiding import WIDEST, moment, passage, place, standing
from telos.envs.scenes.scene import Scene

RATIO = 1.25
"""Of the faster speed to the slower, at least."""


def stage(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """The same body from one side or the other, or fast or slow."""
    return _sides(dice, hidden) if dice.coin() else _speeds(dice, hidden)


def _sides(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    way = passage(dice, hidden)
    (lane,), (screen,) = dice.lanes(), way.screens
    body = dice.body(lane, way.radius, way.x, way.vx)
    opposite = replace(body, x=screen.left + screen.right - way.x, vx=-way.vx)
    scene = Scene(
        bodies=(body,), radius=way.radius, look=dice.look(), screens=way.screens
    )
    return scene, replace(scene, bodies=(opposite,))


def _speeds(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """Both are in the middle of the screen at the same time."""
    radius = dice.radius()
    spare = 2 * (radius + dice.margin)
    fast = dice.speed(high=(WIDEST - spare) / (hidden + 1))
    slow = dice.speed(high=fast / RATIO)
    left, right = place(dice, spare + (hidden + 1) * fast)
    half = (right - left - spare) / 2 / slow
    middle = moment(dice, half)
    (lane,), centre = dice.lanes(), (left + right) / 2
    body = dice.body(lane, radius, centre - fast * middle, fast)
    slower = replace(body, x=centre - slow * middle, vx=slow)
    screen = standing(dice, left, right, by=middle - half)
    scene = Scene(bodies=(body,), radius=radius, look=dice.look(), screens=(screen,))
    other = replace(scene, bodies=(slower,))
    return (scene, other) if dice.coin() else (other, scene)
