"""Material to learn from: what can happen, in every combination; nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from telos.envs.scenes.concepts import CONCEPTS
from telos.envs.scenes.conditions import Conditions
from telos.envs.scenes.crowd import bystander
from telos.envs.scenes.dice import CannotFitError, Dice, ceil_to, floor_to
from telos.envs.scenes.hiding import LOW_TOPS, RISE
from telos.envs.scenes.laws import may_be_filmed
from telos.envs.scenes.motion import fall_time
from telos.envs.scenes.scene import Body, Scene, Screen, Shelf, Wall
from telos.envs.scenes.splice import SPLITS, possible_pair

EMPTY = 0.5
"""Share of the free clips in which nothing moves."""
WALLED, SCREENED, SHELVED = 0.7, 0.6, 0.35
"""Shares of the free clips with a wall, a screen, a shelf."""
TALL_TOPS = (0.72, 0.9)
"""Of screens that hide shelves and the tips of walls."""
WALL_TOPS = (0.64, 0.82)
SHELF_TOPS = (0.53, 0.62)
SHELF_REACH = (0.1, 0.3)
HIDDEN = (2, 14)
"""Frames out of sight in the staged clips, at least and, if they fit, at most."""
TRIES = 1000
"""Of one choice of what is to be there."""
CHOICES = 20
"""A choice may leave no room, such as three bodies on a shelf beside a wall."""


def training_scene(seed: int, conditions: Conditions, staged: float) -> Scene:
    """A scene that may happen; the seed alone decides.

    Args:
        seed: Its generator is never that of a quadruplet, whatever the seed.
        conditions: What it may hold.
        staged: Share of scenes that are a possible member of a quadruplet, so that
            there is enough of everything that a concept is about. The others combine
            bodies and furniture freely.
    """
    dice = Dice(np.random.default_rng([SPLITS["train"], seed]), conditions)
    for _ in range(CHOICES):
        draw = _staged(dice) if dice.coin(staged) else _free(dice)
        for _ in range(TRIES):
            with contextlib.suppress(CannotFitError):
                scene = draw()
                if scene is not None and may_be_filmed(scene, conditions.frames):
                    return scene
    raise AssertionError(f"no scene in {CHOICES} times {TRIES} tries, seed {seed}")


def _staged(dice: Dice) -> Callable[[], Scene | None]:
    """Draws one of two scenes of a concept."""
    objects, frames = dice.conditions.objects, dice.conditions.frames
    concepts = [name for name in CONCEPTS if objects > 1 or name != "collision"]
    concept = concepts[dice.count(0, len(concepts) - 1)]
    member = dice.count(0, 1)
    longest = max(min(HIDDEN[1], frames - 16), 4)

    def draw() -> Scene | None:
        pair = possible_pair(concept, dice, dice.count(HIDDEN[0], longest))
        return pair[member] if pair else None

    return draw


def _free(dice: Dice) -> Callable[[], Scene]:
    """Draws bodies and furniture as they come; what there is is decided before."""
    number = 0 if dice.coin(EMPTY) else dice.count(1, dice.conditions.objects)
    walled, shelved, screened = (
        dice.coin(share) for share in (WALLED, SHELVED, SCREENED)
    )

    def draw() -> Scene:
        radius = dice.radius()
        shelf = _shelf(dice) if shelved else None
        wall = _wall(dice) if walled else None
        bodies = tuple(_body(dice, radius, shelf) for _ in range(number))
        _check_air(bodies, radius, wall, shelf)
        return Scene(
            bodies=bodies,
            radius=radius,
            look=dice.look(),
            wall=wall,
            shelf=shelf,
            screens=(_screen(dice),) if screened else (),
        )

    return draw


def _wall(dice: Dice) -> Wall:
    return Wall(x=dice.between(0.1, 0.9), top=dice.between(*WALL_TOPS))


def _shelf(dice: Dice) -> Shelf:
    (lane,) = dice.lanes()
    x, top = dice.between(0.0, 1.0), dice.between(*SHELF_TOPS)
    left, right = x - dice.between(*SHELF_REACH), x + dice.between(*SHELF_REACH)
    return Shelf(left=left, right=right, top=top, lane=lane)


def _body(dice: Dice, radius: float, shelf: Shelf | None) -> Body:
    """Something that stands, slides or falls, on the shelf if there is one."""
    if shelf is not None and dice.coin(0.6):
        body = bystander(dice, shelf.lane, radius)
        if dice.coin():
            return replace(body, y=shelf.top + radius)
        return _dropped(dice, body, shelf.top + radius)
    (lane,) = dice.lanes()
    body = bystander(dice, lane, radius)
    return body if dice.coin(0.8) else _dropped(dice, body, lane + radius)


def _dropped(dice: Dice, body: Body, low: float) -> Body:
    """The same body falling, so that it comes to a height at some time."""
    vy = dice.between(-0.06, 0.0)
    high = dice.between(low + 0.1, 1.2)
    x = dice.between(0.1, 0.9) - body.vx * fall_time(high - low, vy)
    return replace(body, x=x, y=high, vy=vy)


def _check_air(
    bodies: tuple[Body, ...], radius: float, wall: Wall | None, shelf: Shelf | None
) -> None:
    """Refuse what the laws do not say: meetings in the air, walls near what falls or
    carries, and whatever would stand on nothing."""
    for body in bodies:
        if body.y == body.lane + radius:
            continue
        alone = sum(other.lane == body.lane for other in bodies) == 1
        meets_wall = wall is not None and body.vx != 0
        carried = shelf is not None and shelf.left < body.x < shelf.right
        if not alone or meets_wall or not (carried or body.y > 0.8):
            raise CannotFitError
    if shelf and wall and shelf.left - 0.2 < wall.x < shelf.right + 0.2:
        raise CannotFitError


def _screen(dice: Dice) -> Screen:
    """A screen that stands, comes up, sinks, or comes up and sinks in part."""
    middle, width = dice.between(0.15, 0.85), dice.between(0.2, 0.75)
    left, right = floor_to(middle - width / 2), ceil_to(middle + width / 2)
    top = dice.between(*(TALL_TOPS if dice.coin(0.3) else LOW_TOPS))
    low = 0.0 if dice.coin(0.7) else dice.between(0.1, top - 0.1)
    kind = dice.count(0, 3)
    begin = dice.between(1.0, 0.6 * dice.last)
    up, down = dice.between(*RISE), dice.between(*RISE)
    stay = begin + up + dice.between(2.0, 14.0)
    times, tops = (
        ((0.0,), (top,)),
        ((begin, begin + up), (low, top)),
        ((begin, begin + down), (top, low)),
        ((begin, begin + up, stay, stay + down), (0.0, top, top, low)),
    )[kind]
    return Screen(left=left, right=right, times=times, tops=tops)
