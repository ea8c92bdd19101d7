"""Support: what slides on a shelf stays up as far as the shelf reaches, not further.

Something slides along a shelf that is seen to be long or short. A screen covers all of
it before the short one ends, and sinks again as far as the top of the shelf: what slid
shows above it, further on, or does not.
"""

from __future__ import annotations

from dataclasses import replace

from telos.envs.scenes.dice import Dice
from telos.envs.scenes.hiding import RISE, SEEN
from telos.envs.scenes.revealing import reveal
from telos.envs.scenes.scene import Scene, Shelf

SHELF_TOPS = (0.53, 0.62)
SEEN_AT = 0.1
"""Where it is at least when the screen begins to rise, and before the far border when
the screen is down again."""


def stage(dice: Dice, hidden: int) -> tuple[Scene, Scene]:
    """Something slides along a long shelf, or off a short one."""
    radius, top = dice.radius(), dice.between(*SHELF_TOPS)
    up, down = dice.between(*RISE), dice.between(*RISE)
    begin = dice.between(SEEN - 1, dice.last - SEEN + 1 - hidden - up - down)
    covered, shows = begin + up, begin + up + hidden + down
    speed = dice.speed(high=(1 - 2 * SEEN_AT) / (shows + 2 - begin))
    travel = speed * (shows + 2 - begin)
    here = dice.between(SEEN_AT, 1 - SEEN_AT - travel)
    edge = here + speed * (
        covered - begin + dice.between(-1.0, max(hidden - 4, 0) * 0.6)
    )
    far = here + speed * (dice.last - begin) + radius
    (lane,) = dice.lanes()
    times = begin, up, hidden, down
    screen = reveal(dice, (here, far), top, radius, times)
    start = here - speed * begin
    body = replace(dice.body(lane, radius, start, speed), y=top + radius)
    near = start - radius - dice.between(0, 0.15)
    long = Shelf(left=near, right=far, top=top, lane=lane)
    scene = Scene(
        bodies=(body,), radius=radius, look=dice.look(), screens=(screen,), shelf=long
    )
    return scene, replace(scene, shelf=replace(long, right=edge))
