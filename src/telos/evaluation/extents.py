"""Which part of a world an image shows, so that positions can be drawn into it."""

from __future__ import annotations

from telos.envs.world import WorldSpec

Range = tuple[float, float, float, float]
"""x at the left and right edge, y at the top and bottom edge, world units."""

EXTENTS: dict[str, Range] = {
    "two-rooms": (0.0, 64.0, 0.0, 64.0),
    "push-t": (0.0, 512.0, 0.0, 512.0),
    "discs": (-1.1, 1.1, 1.1, -1.1),
    "hidden-hazard": (-1.1, 1.1, 1.1, -1.1),
    "pendulum": (-1.25, 1.25, 1.25, -1.25),
    "four-rooms": (-0.5, 18.5, -0.5, 18.5),
    "reacher": (-0.25, 0.25, 0.25, -0.25),
    "cart-pole": (-1.7, 1.7, 2.3, -1.1),
}
"""By world id."""

MAZES = {"umaze": 4.0, "medium": 7.0, "large": 11.0}
"""Side of what an image of a point maze shows, metres: all of it and half its rim."""


def extent_of(spec: WorldSpec) -> Range | None:
    """What an image of a world spans; None where it is not known."""
    if spec.id == "point-maze":
        side = MAZES.get(str(spec.options.get("maze", "umaze")))
        return None if side is None else (-side / 2, side / 2, side / 2, -side / 2)
    return EXTENTS.get(spec.id)
