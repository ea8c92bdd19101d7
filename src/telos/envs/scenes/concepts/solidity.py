"""Solidity: a wall turns around what it is in the way of; without one it passes.

The wall stands inside the screen, deep enough for everything to be hidden long before
and after the contact, and its tip is covered before that: when something comes out, on
one side or on the other, nothing beside it says which side is right.
"""

from __future__ import annotations

from dataclasses import replace

from telos.envs.scenes.dice import Dice
from telos.envs.scenes.hiding import RISE, SEEN, WIDEST, place, rising
from telos.envs.scenes.scene import THICKNESS, Scene, Wall

WALL_TOPS = (0.64, 0.8)
TIP = 0.06
"""Of the wall above the screen at first, at least."""
FIRST_LOOK = 3.0
"""Frames before the wall is covered, at least."""


def stage(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """Something slides behind a screen where a wall was seen, or none was."""
    radius, margin = dice.radius(), dice.margin
    spare = 2 * (radius + margin)
    speed = dice.speed(high=(WIDEST - spare) / (hidden + 2))
    deep = (hidden + 1 + dice.between(0, 2)) * speed / 2
    needed = 2 * radius + deep + THICKNESS + 2 * margin
    width = max(spare + (hidden + 1 + dice.between(0, 2)) * speed, needed)
    left, right = place(dice, min(width, WIDEST))
    wall = Wall(
        x=left + margin + 2 * radius + deep + THICKNESS / 2,
        top=dice.between(*WALL_TOPS),
    )
    if wall.x + THICKNESS / 2 + margin > right:
        wall = replace(wall, x=right - margin - THICKNESS / 2)
    low = 0.0 if dice.coin() else dice.between(0.54, wall.top - TIP)
    goes_in = dice.between(FIRST_LOOK + RISE[1], dice.last - SEEN - hidden - 1)
    screen = rising(dice, (left, right), low, wall.top + 2 * margin, goes_in)
    (lane,) = dice.lanes()
    body = dice.body(lane, radius, left + margin + radius - speed * goes_in, speed)
    scene = Scene(bodies=(body,), radius=radius, look=dice.look(), screens=(screen,))
    return replace(scene, wall=wall), scene
