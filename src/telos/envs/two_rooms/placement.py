"""Where an episode of two rooms starts, aims and must not go: from its seed alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from telos.envs.two_rooms import simulation as sim
from telos.envs.zones import Disc, Zone, zone_from_option

ZONE_RADII = np.arange(6.0, 2.9, -0.5)
"""Radii tried for a zone across the direct way, largest first, pixels."""
WAY_AROUND = 3.0
"""Room that a way around a zone leaves between the zone and the agent, pixels."""
START_TO_DOOR = 12.0
"""Shortest distance of start and door with a zone in between, pixels."""
GOAL_DISTANCE = 9.0
"""Shortest straight distance of start and goal: twice the usual success radius."""
ATTEMPTS = 1000
"""Draws after which a zone counts as leaving no room."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """One environment at its reset."""

    wall: float
    door: float
    position: np.ndarray
    zone: Zone | None

    @property
    def layouts(self) -> sim.Layouts:
        return sim.Layouts(wall=np.array([self.wall]), door=np.array([self.door]))


def place(
    seed: int, layout: str, split: str, zone: str | Mapping[str, object] | None
) -> Placement:
    """Layout, start and zone of the episode with a seed.

    ``zone`` is None, a description for ``zone_from_option``, or ``"direct"``: a disc
    between start and door that leaves a way around.
    """
    rng = np.random.default_rng([seed, 0])
    for _ in range(ATTEMPTS):
        wall, door = sim.FIXED_LAYOUT
        if layout == "random":
            wall, door = sim.sample_layout(rng, split)
        position = sim.sample_position(rng, wall)
        placement = Placement(wall=wall, door=door, position=position, zone=None)
        if zone is None:
            return placement
        placed = _with_zone(placement, zone)
        if placed is not None:
            return placed
    raise _no_room(zone)


def sample_goal(
    rng: np.random.Generator, placement: Placement, rule: str
) -> np.ndarray:
    """(2,) goal position that can be reached around the zone.

    ``random`` is anywhere, ``same`` in the room of the start, ``cross`` in the other.
    """
    start_side = int(placement.position[0] > placement.wall)
    side = {"random": None, "same": start_side, "cross": 1 - start_side}[rule]
    for _ in range(ATTEMPTS):
        goal = sim.sample_position(rng, placement.wall, side)
        far = np.linalg.norm(goal - placement.position) >= GOAL_DISTANCE
        if far and (placement.zone is None or _reachable(placement, goal)):
            return goal
    raise _no_room(placement.zone)


def _no_room(zone: object) -> ValueError:
    return ValueError(
        f"no free start or goal was found in {ATTEMPTS} draws with zone={zone!r}: "
        "make the zone smaller or move it."
    )


def _with_zone(
    placement: Placement, zone: str | Mapping[str, object]
) -> Placement | None:
    """The placement with its zone, or None where it leaves no way around."""
    for candidate in _zone_candidates(placement, zone):
        placed = Placement(
            wall=placement.wall,
            door=placement.door,
            position=placement.position,
            zone=candidate,
        )
        if _reachable(placed, np.array([placement.wall, placement.door])):
            return placed
    return None


def _zone_candidates(
    placement: Placement, zone: str | Mapping[str, object]
) -> list[Zone]:
    if not isinstance(zone, str):
        return [zone_from_option(zone, 1)]
    door = np.array([placement.wall, placement.door])
    if np.linalg.norm(door - placement.position) < START_TO_DOOR:
        return []
    x, y = ((placement.position + door) / 2)[:, None]
    return [Disc(x=x, y=y, radius=np.array([r])) for r in ZONE_RADII]


def _reachable(placement: Placement, target: np.ndarray) -> bool:
    """Whether target and start lie in one connected free region of whole pixels."""
    assert placement.zone is not None
    ends = np.stack([placement.position, target])[None]
    if (placement.zone.margin(ends) <= WAY_AROUND).any():
        return False
    axis = np.arange(sim.SIZE) + 0.5
    points = np.stack(np.meshgrid(axis, axis, indexing="xy"), -1)[None]
    clear = placement.zone.margin(points)[0] > WAY_AROUND
    walls = sim.render_walls(placement.layouts)[0] > 0
    solid = ndimage.binary_dilation(walls, iterations=int(np.ceil(sim.RADIUS)))
    regions, _ = ndimage.label(clear & ~solid)  # type: ignore[misc]
    here, there = (regions[int(p[1]), int(p[0])] for p in ends[0])
    return bool(here == there and here > 0)
