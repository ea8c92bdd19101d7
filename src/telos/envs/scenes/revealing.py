"""A screen that covers everything and sinks again as far as the top of a shelf."""

from __future__ import annotations

from telos.envs.scenes.dice import FINEST, Dice, ceil_to, floor_to
from telos.envs.scenes.scene import Screen


def reveal(
    dice: Dice,
    wide: tuple[float, float],
    shelf_top: float,
    radius: float,
    times: tuple[float, float, float, float],
) -> Screen:
    """A screen across what is in (left, right), shelf included.

    Args:
        dice: Decides how much wider it is.
        wide: What has to be covered, from left to right.
        shelf_top: What stands there shows in the end; the shelf itself does not.
        radius: Of what stands on the shelf.
        times: Frame at which it begins to rise; frames to rise, to wait and to sink.
    """
    begin, up, wait, down = times
    left = floor_to(wide[0] - radius - dice.margin - dice.between(0, 0.1))
    right = ceil_to(wide[1] + radius + dice.margin + dice.between(0, 0.1))
    high = shelf_top + 2 * radius + FINEST + dice.margin
    low = shelf_top + dice.margin
    covered = begin + up
    knots = (begin, covered, covered + wait, covered + wait + down)
    return Screen(left=left, right=right, times=knots, tops=(0.0, high, high, low))
