"""Permanence: what was there is there again; where nothing was, nothing comes out."""

from __future__ import annotations

from dataclasses import replace

from telos.envs.scenes.dice import Dice
from telos.envs.scenes.hiding import out_of_sight
from telos.envs.scenes.scene import Scene


def stage(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """Something goes out of sight and comes back; nothing does either."""
    way = out_of_sight(dice, hidden)
    (lane,) = dice.lanes()
    body = dice.body(lane, way.radius, way.x, way.vx)
    something = Scene(
        bodies=(body,), radius=way.radius, look=dice.look(), screens=way.screens
    )
    return something, replace(something, bodies=())
