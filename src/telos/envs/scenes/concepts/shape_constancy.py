"""Shape constancy: what comes back has the shape that it had."""

from __future__ import annotations

from dataclasses import replace

from telos.envs.scenes.dice import Dice
from telos.envs.scenes.hiding import out_of_sight
from telos.envs.scenes.scene import Scene


def stage(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """Something goes out of sight and comes back, of one shape or of another."""
    way = out_of_sight(dice, hidden)
    (lane,), shapes = dice.lanes(), dice.shapes(2)
    body = dice.body(lane, way.radius, way.x, way.vx)
    one, other = (replace(body, shape=shape) for shape in shapes)
    scene = Scene(
        bodies=(one,), radius=way.radius, look=dice.look(), screens=way.screens
    )
    return scene, replace(scene, bodies=(other,))
