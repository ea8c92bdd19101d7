"""Bystanders: bodies that move by the laws and have no part in what happens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from telos.envs.scenes.conditions import LANES
from telos.envs.scenes.dice import CannotFitError, Dice
from telos.envs.scenes.laws import may_be_filmed, paths_of
from telos.envs.scenes.scene import Body, Scene

TRIES = 20


def add_bystanders(
    dice: Dice, pair: tuple[Scene, Scene], number: int
) -> tuple[Scene, Scene]:
    """Both scenes with more bodies, in lanes of their own, that do the same in both.

    They come first, so that a body has the same number in both scenes.

    Raises:
        CannotFitError: If no such body was found.
    """
    for _ in range(number):
        pair = _add(dice, pair)
    return pair


def _add(dice: Dice, pair: tuple[Scene, Scene]) -> tuple[Scene, Scene]:
    taken = {body.lane for scene in pair for body in scene.bodies}
    taken |= {scene.shelf.lane for scene in pair if scene.shelf}
    free = [lane for lane in LANES[dice.conditions.lanes] if lane not in taken]
    if not free:
        raise CannotFitError
    for _ in range(TRIES):
        body = bystander(dice, free[dice.count(0, len(free) - 1)], pair[0].radius)
        one, other = (replace(s, bodies=(body, *s.bodies)) for s in pair)
        frames = dice.conditions.frames
        fine = may_be_filmed(one, frames) and may_be_filmed(other, frames)
        if fine and _same(one, other, frames):
            return one, other
    raise CannotFitError


def bystander(dice: Dice, lane: float, radius: float) -> Body:
    """Something at rest, or passing through the image at a time of its own."""
    if dice.coin(0.3):
        return dice.body(lane, radius, dice.between(radius, 1 - radius))
    speed = dice.speed() * (1 if dice.coin() else -1)
    x = dice.between(0.0, 1.0) - speed * dice.between(0, dice.last)
    return dice.body(lane, radius, x, speed)


def _same(one: Scene, other: Scene, frames: int) -> bool:
    """Whether the newest body moves alike in both."""
    first, second = (paths_of(scene, frames)[:, 0] for scene in (one, other))
    return bool(np.array_equal(first, second))
