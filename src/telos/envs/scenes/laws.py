"""What must hold of a scene before it may be filmed."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from telos.envs.scenes.motion import trajectories
from telos.envs.scenes.scene import THICKNESS, Scene


def paths_of(scene: Scene, frames: int) -> np.ndarray:
    """(T, N, 4) x, y, vx, vy of its bodies."""
    return trajectories(scene.bodies, scene.radius, scene.wall, scene.shelf, frames)


def may_begin(scene: Scene) -> bool:
    """Whether everything is in a place of its own at frame 0, and nothing is hidden."""
    bodies = range(len(scene.bodies))
    return not (
        any(starts_hidden(scene, body) for body in bodies)
        or any(_in_wall(scene, body) for body in bodies)
        or any(_overlap(scene, *two) for two in combinations(bodies, 2))
    )


def starts_hidden(scene: Scene, index: int) -> bool:
    """Whether a screen hides all of a body at frame 0."""
    body = scene.bodies[index]
    now = np.array([body.x, body.y])
    return bool(shares_hidden(scene, now[None], np.zeros(1))[0] > 1 - 1e-9)


def shares_hidden(scene: Scene, places: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(T,) share of a body's bounding box behind screens, at places (T, 2)."""
    hidden = np.zeros(len(places))
    for screen in scene.screens:
        across = _shared(places[:, 0], scene.radius, screen.left, screen.right)
        along = _shared(places[:, 1], scene.radius, -np.inf, screen.top(frames))
        hidden += across * along
    return np.minimum(hidden, 1.0)


def shares_in_image(scene: Scene, places: np.ndarray) -> np.ndarray:
    """(T,) share of a body's bounding box inside the image, camera at rest."""
    across = _shared(places[:, 0], scene.radius, 0.0, 1.0)
    return across * _shared(places[:, 1], scene.radius, 0.0, 1.0)


def _shared(
    at: np.ndarray, radius: float, low: float | np.ndarray, high: float | np.ndarray
) -> np.ndarray:
    shared = np.minimum(at + radius, high) - np.maximum(at - radius, low)
    return np.clip(shared / (2 * radius), 0.0, 1.0)


def _in_wall(scene: Scene, index: int) -> bool:
    if scene.wall is None:
        return False
    reach = THICKNESS / 2 + scene.radius
    return abs(scene.bodies[index].x - scene.wall.x) < reach


def _overlap(scene: Scene, first: int, second: int) -> bool:
    one, other = scene.bodies[first], scene.bodies[second]
    return one.lane == other.lane and abs(one.x - other.x) < 2 * scene.radius
