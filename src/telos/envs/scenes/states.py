"""The truth about a clip as numbers: for probes, and for who keeps track of things."""

from __future__ import annotations

import numpy as np

from telos.envs.scenes.conditions import MAX_BODIES
from telos.envs.scenes.laws import shares_hidden, shares_in_image
from telos.envs.scenes.scene import Scene

PER_BODY = ("present", "x", "y", "vx", "vy", "visible", "shape", "red", "green", "blue")
PER_SCENE = (
    "radius",
    "wall",
    "wall_x",
    "wall_top",
    "shelf",
    "shelf_left",
    "shelf_right",
    "shelf_top",
    "shelf_lane",
    "screen",
    "screen_left",
    "screen_right",
    "screen_top",
)
STATE_NAMES = (
    *(f"{name}{body}" for body in range(MAX_BODIES) for name in (*PER_BODY, "lane")),
    *PER_SCENE,
)
"""``wall``, ``shelf``, ``screen`` and ``present`` are 1 where there is one; ``visible``
is the share of a body's bounding box in the image and not behind a screen."""

_COLUMN = {name: column for column, name in enumerate(STATE_NAMES)}


def states_of(scene: Scene, path: np.ndarray) -> np.ndarray:
    """(T, K) float32 numbers named ``STATE_NAMES``; 0 for what is not there."""
    frames = np.arange(len(path))
    columns: dict[str, float | np.ndarray] = {"radius": scene.radius}
    for index, body in enumerate(scene.bodies):
        places = path[:, index, :2]
        inside = shares_in_image(scene.radius, places)
        seen = inside - shares_hidden(scene.screens, scene.radius, places, frames)
        red, green, blue = (value / 255 for value in body.colour)
        values = (1.0, *path[:, index].T, np.maximum(seen, 0), body.shape)
        values += (red, green, blue, body.lane)
        names = (f"{name}{index}" for name in (*PER_BODY, "lane"))
        columns |= dict(zip(names, values, strict=True))
    columns |= _furniture(scene, frames)
    states = np.zeros((len(path), len(STATE_NAMES)), np.float32)
    for name, values in columns.items():
        states[:, _COLUMN[name]] = values
    return states


def _furniture(scene: Scene, frames: np.ndarray) -> dict[str, float | np.ndarray]:
    columns: dict[str, float | np.ndarray] = {}
    if scene.wall:
        wall = scene.wall
        columns |= {"wall": 1.0, "wall_x": wall.x, "wall_top": wall.top}
    if scene.shelf:
        shelf = scene.shelf
        columns |= {"shelf": 1.0, "shelf_left": shelf.left, "shelf_top": shelf.top}
        columns |= {"shelf_right": shelf.right, "shelf_lane": shelf.lane}
    for screen in scene.screens:
        columns |= {"screen": 1.0, "screen_left": screen.left}
        columns |= {"screen_right": screen.right, "screen_top": screen.top(frames)}
    return columns
