"""What must hold of a scene before it may be filmed."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from telos.envs.scenes.motion import trajectories
from telos.envs.scenes.scene import THICKNESS, Scene

TIP = 0.04
"""Of a wall that shows above a screen, at least."""
GLIMPSE = 0.04
"""Share of a body that has to show to be noticed."""
ENTERED = 0.25
"""Share of a body that may be in the image unseen, when it comes in beside a screen."""
WITHIN = 0.5
"""Share of a body that has to be in the image when it hits something."""


def paths_of(scene: Scene, frames: int) -> np.ndarray:
    """(T, N, 4) x, y, vx, vy of its bodies."""
    return trajectories(scene.bodies, scene.radius, scene.wall, scene.shelf, frames)


def may_be_filmed(scene: Scene, frames: int) -> bool:
    """Whether everything begins in a place of its own and nothing begins hidden.

    Else what is seen later could have been there all the time, or could have a cause
    that was never seen.
    """
    bodies = range(len(scene.bodies))
    crowded = any(_in_wall(scene, body) for body in bodies) or any(
        _overlap(scene, *two) for two in combinations(bodies, 2)
    )
    if crowded or not _furniture_shows(scene):
        return False
    path, times = paths_of(scene, frames), np.arange(frames)
    return not any(
        _acts_unseen(scene, path[:, body], times) for body in range(path.shape[1])
    )


def _acts_unseen(scene: Scene, path: np.ndarray, times: np.ndarray) -> bool:
    """Whether a body is in the image before it has ever shown, or hits something
    outside of it."""
    inside = shares_in_image(scene, path[:, :2])
    shows = inside - shares_hidden(scene, path[:, :2], times) > GLIMPSE
    unseen = np.maximum.accumulate(shows) == 0
    hits = np.diff(path[:, 2]) != 0
    outside = np.minimum(inside[1:], inside[:-1]) < WITHIN
    return bool((unseen & (inside > ENTERED)).any() or (hits & outside).any())


def _furniture_shows(scene: Scene) -> bool:
    """Whether the tip of the wall and all of the shelf show at frame 0."""
    wall, shelf = scene.wall, scene.shelf
    for screen in scene.screens:
        top = float(screen.top(np.zeros(1))[0])
        if wall and wall.top < top + TIP and screen.left < wall.x < screen.right:
            return False
        apart = not shelf or shelf.right < screen.left or screen.right < shelf.left
        if not apart and shelf.top - THICKNESS < top:
            return False
    return True


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
