"""Scripted behaviour in two rooms: what recordings are made with.

Each episode draws one habit from its own seed. A *walker* keeps a heading, forgets it
slowly and bumps into walls; a *visitor* walks noisily to one place after the other,
most of them beyond the door or near it. All environments move in one numpy call; the
random numbers of an episode come from its own seed, so they do not depend on the batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telos.envs.two_rooms import simulation as sim
from telos.types import Streams

BLOCK = 128
"""Steps of noise that an episode draws at once."""
HEADING_NOISE = 0.35
"""Standard deviation of a walker's change of heading per step, radians."""
SPEED = (0.8, 0.4)
"""Mean and standard deviation of the share of ``MAX_STEP`` walked per step."""
CONTACT_SHARE = 0.35
"""A step shorter than this share of the commanded one counts as a contact."""
NOTICE = 0.3
"""Chance per step that a walker notices a contact; pushing is recorded too."""
GIVE_UP = 0.1
"""Chance per step of a contact that a visitor thinks of another place to go to."""
ARRIVAL = 2.0
"""Distance at which a visited place counts as reached, pixels."""
BEYOND, NEAR_DOOR = 0.5, 0.25
"""Shares of visited places that lie in the other room, and around the door."""
TOUCHING = 0.3
"""Share of visited places that lie at the dividing wall, where layouts differ most."""
SKIN = 1.0
"""Depth in the wall of such a place, pixels: who goes there pushes against it."""
CLEAR = sim.WALL_HALF + sim.RADIUS + 1.0
"""Distance from the middle of the wall at which a visitor lines up, pixels."""


class TwoRoomsPolicy:
    """Walkers and visitors; ``visitors`` is the share of visiting episodes."""

    def __init__(self, visitors: float = 0.75) -> None:
        self.visitors = visitors

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes."""
        self._rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
        habits = np.stack([rng.uniform(size=3) for rng in self._rngs])
        self._visits = habits[:, 0] < self.visitors
        self._aim_noise = 0.05 + 0.45 * habits[:, 1]
        self._heading = (2 * habits[:, 2] - 1) * np.pi
        self._target = np.full((len(seeds), 2), np.nan)
        self._previous = np.full((len(seeds), 2), np.nan)
        self._commanded = np.zeros(len(seeds))
        self._step = 0

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 2) displacements, pixels, from the labels position, wall and door."""
        position = np.asarray(labels["position"], np.float64)
        wall, door = np.ravel(labels["wall"]), np.ravel(labels["door"])
        normal, uniform = self._noise()
        touched = self._touched(position)
        self._pick_targets(position, wall, door, uniform, touched)
        aim = _waypoint(position, self._target, wall, door) - position
        visiting = np.arctan2(aim[:, 1], aim[:, 0]) + self._aim_noise * normal[:, 0]
        walking = self._walk(touched, normal, uniform)
        self._heading = np.where(self._visits, visiting, walking)
        share = np.clip(SPEED[0] + SPEED[1] * normal[:, 1], 0.0, 1.0)
        self._commanded, self._previous = share * sim.MAX_STEP, position
        direction = np.stack([np.cos(self._heading), np.sin(self._heading)], -1)
        return (self._commanded[:, None] * direction).astype(np.float32)

    def _noise(self) -> tuple[np.ndarray, np.ndarray]:
        """(B, 2) normal and (B, 5) uniform numbers of this step."""
        at = self._step % BLOCK
        if at == 0:
            self._normals = np.stack([r.normal(size=(BLOCK, 2)) for r in self._rngs])
            self._uniforms = np.stack([r.uniform(size=(BLOCK, 5)) for r in self._rngs])
        self._step += 1
        return self._normals[:, at], self._uniforms[:, at]

    def _touched(self, position: np.ndarray) -> np.ndarray:
        """(B,) whether the last step ended at a wall."""
        moved = np.linalg.norm(position - self._previous, axis=-1)
        return (moved < CONTACT_SHARE * self._commanded) & (self._commanded > 0.2)

    def _walk(
        self, touched: np.ndarray, normal: np.ndarray, uniform: np.ndarray
    ) -> np.ndarray:
        """Headings of walkers: drift, and a new one after a noticed contact."""
        turn = touched & (uniform[:, 0] < NOTICE)
        drift = self._heading + HEADING_NOISE * normal[:, 0]
        return np.where(turn, (2 * uniform[:, 1] - 1) * np.pi, drift)

    def _pick_targets(
        self,
        position: np.ndarray,
        wall: np.ndarray,
        door: np.ndarray,
        uniform: np.ndarray,
        touched: np.ndarray,
    ) -> None:
        """Give a new place to every visitor that has none, has arrived or gives up."""
        distance = np.linalg.norm(position - self._target, axis=-1)
        done = ~(distance >= ARRIVAL) | (touched & (uniform[:, 4] < GIVE_UP))
        low = sim.BORDER + sim.RADIUS + 1.0
        anywhere = low + uniform[:, 1:3] * (sim.SIZE - 2 * low)
        mirrored = np.where(
            position[:, 0] < wall,
            wall + CLEAR + uniform[:, 1] * (sim.SIZE - low - wall - CLEAR),
            low + uniform[:, 1] * (wall - CLEAR - low),
        )
        beyond = np.stack([mirrored, anywhere[:, 1]], -1)
        around = np.stack([wall, door], -1) + 24 * (uniform[:, 1:3] - 0.5)
        around = np.clip(_beside(around, wall), low, sim.SIZE - low)
        place = np.where(uniform[:, 3:4] < BEYOND, beyond, anywhere)
        place = np.where(uniform[:, 3:4] > 1 - NEAR_DOOR, around, place)
        at_wall = np.where(place[:, 0] < wall, wall - SKIN, wall + SKIN)
        touching = uniform[:, 0] < TOUCHING
        place[:, 0] = np.where(touching, at_wall, place[:, 0])
        self._target = np.where(done[:, None], place, self._target)


def _beside(place: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """(B, 2) places, those inside the dividing wall moved to its nearer side."""
    off = place[:, 0] - wall
    clear = np.where(off < 0, np.minimum(off, -CLEAR), np.maximum(off, CLEAR))
    return np.stack([wall + clear, place[:, 1]], -1)


def _waypoint(
    position: np.ndarray, target: np.ndarray, wall: np.ndarray, door: np.ndarray
) -> np.ndarray:
    """(B, 2) where to head now: the target, or a point before or behind the door."""
    side = np.where(position[:, 0] < wall, -1.0, 1.0)
    beyond = (position[:, 0] < wall) != (target[:, 0] < wall)
    within = np.abs(position[:, 1] - door) < sim.DOOR_HALF - sim.RADIUS
    near = within & (np.abs(position[:, 0] - wall) < CLEAR + 2.0)
    before = np.stack([wall + side * CLEAR, door], -1)
    behind = np.stack([wall - side * CLEAR, door], -1)
    through = np.where(near[:, None], behind, before)
    planned = np.where(beyond[:, None], through, target)
    # Between the posts of the door only straight on leads out.
    out = np.where(target[:, 0] < wall, -1.0, 1.0)
    straight = np.stack([wall + out * CLEAR, door], -1)
    inside = np.abs(position[:, 0] - wall) < sim.WALL_HALF + sim.RADIUS - 0.05
    return np.where(inside[:, None], straight, planned)
