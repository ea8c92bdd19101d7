"""Collision: what is hit goes on, and what has hit it stays; a miss changes nothing."""

from __future__ import annotations

from dataclasses import replace

from telos.envs.scenes.dice import Dice
from telos.envs.scenes.hiding import LOW_TOPS, RISE, SEEN, WIDEST, place, rising
from telos.envs.scenes.scene import Scene

FIRST_LOOK = 3.0
"""Frames before what will be hit is covered, at least."""


def stage(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """Something slides towards a body that waits in its lane, or in another lane.

    In the first scene the waiting body comes out, in the second the one that went in:
    a little later, for the two are never in the same place.
    """
    radius, margin = dice.radius(), dice.margin
    spare = 4 * radius + 2 * margin
    speed = dice.speed(high=(WIDEST - spare) / (hidden + 1))
    left, right = place(dice, spare + (hidden + 1) * speed)
    first, last = left + margin + 3 * radius, right - margin - radius
    waits = dice.between(first, last)
    goes_in = dice.between(FIRST_LOOK + RISE[0], dice.last - SEEN - hidden - 1)
    screen = rising(dice, (left, right), 0.0, dice.between(*LOW_TOPS), goes_in)
    (lane, elsewhere), colours = dice.lanes(2), dice.colours(2)
    start = left + margin + radius - speed * goes_in
    launcher = replace(dice.body(lane, radius, start, speed), colour=colours[0])
    target = replace(dice.body(lane, radius, waits), colour=colours[1])
    missed = replace(target, lane=elsewhere, y=elsewhere + radius)
    scene = Scene(
        bodies=(launcher, target), radius=radius, look=dice.look(), screens=(screen,)
    )
    return scene, replace(scene, bodies=(launcher, missed))
