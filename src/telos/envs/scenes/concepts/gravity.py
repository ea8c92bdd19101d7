"""Gravity: what nothing carries falls; what something carries stays up.

Something falls towards a shelf, or towards none. A screen covers everything, and sinks
again as far as the top of the shelf: the body shows above it, or does not. Neither the
shelf nor the floor shows beside the outcome.
"""

from __future__ import annotations

from dataclasses import replace

from telos.envs.scenes.dice import Dice
from telos.envs.scenes.hiding import RISE, SEEN
from telos.envs.scenes.motion import GRAVITY
from telos.envs.scenes.revealing import reveal
from telos.envs.scenes.scene import Scene, Shelf

SHELF_TOPS = (0.53, 0.62)


def stage(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """Something falls onto a shelf, or past where one could be."""
    radius = dice.radius()
    x, top = dice.between(0.2, 0.8), dice.between(*SHELF_TOPS)
    reach = radius + 0.02
    left, right = (x - reach - dice.between(0, 0.1), x + reach + dice.between(0, 0.1))
    (lane,) = dice.lanes()
    up, down = dice.between(*RISE), dice.between(*RISE)
    begin = dice.between(SEEN, dice.last - SEEN + 1 - hidden - up - down)
    screen = reveal(dice, (left, right), top, radius, (begin, up, hidden, down))
    lands, vy = dice.between(1.5, begin - 1.0), dice.between(-0.08, 0.0)
    high = top + radius - vy * lands + GRAVITY * lands**2 / 2
    body = replace(dice.body(lane, radius, x), y=high, vy=vy)
    scene = Scene(bodies=(body,), radius=radius, look=dice.look(), screens=(screen,))
    shelf = Shelf(left=left, right=right, top=top, lane=lane)
    return replace(scene, shelf=shelf), scene
