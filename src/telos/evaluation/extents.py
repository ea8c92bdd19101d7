"""Which part of a world an image shows, so that positions can be drawn into it."""

from __future__ import annotations

from telos.envs.world import WorldSpec

Range = tuple[float, float, float, float]
"""x at the left and right edge, y at the top and bottom edge, world units."""

EXTENTS: dict[str, Range] = {
    "two-rooms": (0.0, 64.0, 0.0, 64.0),
    "point-maze": (-2.0, 2.0, 2.0, -2.0),
    "push-t": (0.0, 512.0, 0.0, 512.0),
    "discs": (-1.1, 1.1, 1.1, -1.1),
    "hidden-hazard": (-1.1, 1.1, 1.1, -1.1),
    "pendulum": (-1.25, 1.25, 1.25, -1.25),
    "cart-pole": (-1.7, 1.7, 2.3, -1.1),
}
"""By world id; point-maze is the U-shaped one, 5 cells wide with half its rim shown."""

ONLY_MAZE = "PointMaze_UMaze-v3"


def extent_of(spec: WorldSpec) -> Range | None:
    """What an image of a world spans; None where it is not known."""
    if spec.options.get("maze_id", ONLY_MAZE) != ONLY_MAZE:
        return None
    return EXTENTS.get(spec.id)
