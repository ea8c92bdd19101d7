"""How bodies move: closed form between events, events in order; nothing is integrated.

The laws: a body that nothing carries falls with ``GRAVITY``; one that lands on the
floor of its lane or on a shelf stays there and keeps its horizontal speed; a shelf
carries what has its middle above it; whatever touches a wall turns around with the same
speed; two bodies that meet in a lane exchange their velocities (an elastic collision of
equal masses); else velocities stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from telos.envs.scenes.scene import THICKNESS, Body, Shelf, Wall

GRAVITY = 0.012
"""Sides of the image per frame^2: 0.6 sides are fallen in ten frames."""
NEVER = math.inf
CLOSE = 1e-6
"""Differences below it are rounding, also that of states in single precision."""


@dataclass(kw_only=True)
class _Mover:
    """A body at the present time."""

    x: float
    y: float
    vx: float
    vy: float
    lane: float
    carried: bool = False

    def wait(self, time: float) -> None:
        """Let time pass in which nothing happens to it."""
        self.x += self.vx * time
        if not self.carried:
            self.y += self.vy * time - GRAVITY * time**2 / 2
            self.vy -= GRAVITY * time


Event = tuple[float, str, tuple[_Mover, ...]]
"""Time from now, what happens, to whom."""


class Motion:
    """Bodies among furniture, from one event to the next."""

    def __init__(
        self,
        bodies: Sequence[Body],
        radius: float,
        wall: Wall | None,
        shelf: Shelf | None,
    ) -> None:
        self._radius, self._wall, self._shelf = radius, wall, shelf
        self._movers = [
            _Mover(x=b.x, y=b.y, vx=b.vx, vy=b.vy, lane=b.lane) for b in bodies
        ]
        for mover in self._movers:
            mover.carried = mover.vy <= 0 and self._stands(mover)
        self._next = self._look_ahead()

    def wait(self, time: float) -> None:
        """Advance by a time in frames, through all events on the way."""
        due, kind, who = self._next
        while due <= time:
            self._pass(due)
            self._happens(kind, who)
            time -= due
            due, kind, who = self._look_ahead()
        self._pass(time)
        self._next = due - time, kind, who

    def state(self) -> list[tuple[float, float, float, float]]:
        """x, y, vx, vy of every body."""
        return [(m.x, m.y, m.vx, m.vy) for m in self._movers]

    def _stands(self, mover: _Mover) -> bool:
        bottom = mover.y - self._radius
        on_floor = abs(bottom - mover.lane) < CLOSE
        shelf = self._shelf
        return on_floor or (
            shelf is not None
            and shelf.lane == mover.lane
            and abs(bottom - shelf.top) < CLOSE
            and shelf.left <= mover.x <= shelf.right
        )

    def _pass(self, time: float) -> None:
        for mover in self._movers:
            mover.wait(time)

    def _look_ahead(self) -> Event:
        """What happens first."""
        never: Event = NEVER, "", ()
        return min(self._events(), key=lambda event: event[0], default=never)

    def _events(self) -> Iterator[Event]:
        """What comes next to each."""
        for index, mover in enumerate(self._movers):
            if not mover.carried:
                yield self._landing(mover), "lands", (mover,)
            else:
                yield self._edge(mover), "leaves", (mover,)
            yield self._turn(mover), "turns", (mover,)
            for other in self._movers[:index]:
                yield self._meeting(mover, other), "meets", (mover, other)

    def _happens(self, kind: str, who: tuple[_Mover, ...]) -> None:
        first = who[0]
        if kind == "lands":
            self._land(first)
        elif kind == "leaves":
            assert self._shelf is not None
            first.carried = False
            first.x = self._shelf.right if first.vx > 0 else self._shelf.left
        elif kind == "turns":
            first.vx = -first.vx
        else:
            first.vx, who[1].vx = who[1].vx, first.vx

    def _land(self, mover: _Mover) -> None:
        """Stop falling; the height is set anew, so that no rounding adds up."""
        bottom, shelf = mover.y - self._radius, self._shelf
        on_shelf = shelf is not None and abs(bottom - shelf.top) < 1e-6
        surface = shelf.top if shelf is not None and on_shelf else mover.lane
        mover.carried, mover.vy, mover.y = True, 0.0, surface + self._radius

    def _landing(self, mover: _Mover) -> float:
        bottom, shelf = mover.y - self._radius, self._shelf
        if (
            shelf is not None
            and shelf.lane == mover.lane
            and bottom > shelf.top - CLOSE
        ):
            time = fall_time(bottom - shelf.top, mover.vy)
            if shelf.left < mover.x + mover.vx * time < shelf.right:
                return time
        return fall_time(bottom - mover.lane, mover.vy)

    def _edge(self, mover: _Mover) -> float:
        """Until the middle of what a shelf carries has passed its end."""
        shelf = self._shelf
        above = mover.y - self._radius - mover.lane > CLOSE
        if shelf is None or not above or mover.vx == 0:
            return NEVER
        end = shelf.right if mover.vx > 0 else shelf.left
        return max((end - mover.x) / mover.vx, 0.0)

    def _turn(self, mover: _Mover) -> float:
        if self._wall is None or mover.vx == 0:
            return NEVER
        side = math.copysign(1.0, mover.vx)
        contact = self._wall.x - side * (THICKNESS / 2 + self._radius)
        time = (contact - mover.x) / mover.vx
        return max(time, 0.0) if time > -CLOSE else NEVER

    def _meeting(self, one: _Mover, other: _Mover) -> float:
        if one.lane != other.lane or not (one.carried and other.carried):
            return NEVER
        left, right = (one, other) if one.x < other.x else (other, one)
        closing = left.vx - right.vx
        if closing <= 0 or abs(left.y - right.y) > CLOSE:
            return NEVER
        return max((right.x - left.x - 2 * self._radius) / closing, 0.0)


def fall_time(height: float, vy: float = 0.0) -> float:
    """Frames until what moves upwards with ``vy`` has fallen ``height`` below."""
    return (vy + math.sqrt(max(vy**2 + 2 * GRAVITY * height, 0.0))) / GRAVITY


def trajectories(
    bodies: Sequence[Body],
    radius: float,
    wall: Wall | None,
    shelf: Shelf | None,
    frames: int,
) -> np.ndarray:
    """Where bodies are and how fast: (T, N, 4) x, y, vx, vy at frames 0 to T - 1."""
    motion = Motion(bodies, radius, wall, shelf)
    states = [motion.state()]
    for _ in range(frames - 1):
        motion.wait(1.0)
        states.append(motion.state())
    return np.array(states, float).reshape(frames, len(bodies), 4)
