"""What must hold of a scene before it may be filmed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from telos.envs.scenes.motion import trajectories
from telos.envs.scenes.scene import THICKNESS, Scene, Screen, Shelf, Wall

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
    path, times = paths_of(scene, frames), np.arange(float(frames))
    return not any(
        _acts_unseen(scene, path[:, body], times) for body in range(path.shape[1])
    )


def _acts_unseen(scene: Scene, path: np.ndarray, times: np.ndarray) -> bool:
    """Whether a body is in the image before it has ever shown, or hits something
    outside of it."""
    places = path[:, :2]
    inside = shares_in_image(scene.radius, places)
    hidden = shares_hidden(scene.screens, scene.radius, places, times)
    shows = inside - hidden > GLIMPSE
    unseen = np.maximum.accumulate(shows) == 0
    hits = np.diff(path[:, 2]) != 0
    outside = np.minimum(inside[1:], inside[:-1]) < WITHIN
    return bool((unseen & (inside > ENTERED)).any() or (hits & outside).any())


def _furniture_shows(scene: Scene) -> bool:
    """Whether the tip of the wall and all of the shelf show at frame 0."""
    return not any(
        _hides_wall(screen, scene.wall) or _hides_shelf(screen, scene.shelf)
        for screen in scene.screens
    )


def _hides_wall(screen: Screen, wall: Wall | None) -> bool:
    if wall is None or not screen.left < wall.x < screen.right:
        return False
    return wall.top < _first_top(screen) + TIP


def _hides_shelf(screen: Screen, shelf: Shelf | None) -> bool:
    if shelf is None or shelf.right < screen.left or screen.right < shelf.left:
        return False
    return shelf.top - THICKNESS < _first_top(screen)


def _first_top(screen: Screen) -> float:
    return float(screen.top(np.zeros(1))[0])


def shares_hidden(
    screens: Sequence[Screen], radius: float, places: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """(T,) share of a body's bounding box behind screens, at places (T, 2)."""
    hidden = np.zeros(len(places))
    for screen in screens:
        across = _shared(places[:, 0], radius, screen.left, screen.right)
        along = _shared(places[:, 1], radius, -np.inf, screen.top(frames))
        hidden += across * along
    return np.minimum(hidden, 1.0)


def shares_in_image(radius: float, places: np.ndarray) -> np.ndarray:
    """(T,) share of a body's bounding box inside the image, camera at rest."""
    across = _shared(places[:, 0], radius, 0.0, 1.0)
    return across * _shared(places[:, 1], radius, 0.0, 1.0)


def _shared(
    at: np.ndarray, radius: float, low: float | np.ndarray, high: float | np.ndarray
) -> np.ndarray:
    shared = np.minimum(at + radius, high) - np.maximum(at - radius, low)
    return np.minimum(np.maximum(shared / (2 * radius), 0.0), 1.0)


def _in_wall(scene: Scene, index: int) -> bool:
    if scene.wall is None:
        return False
    reach = THICKNESS / 2 + scene.radius
    return abs(scene.bodies[index].x - scene.wall.x) < reach


def _overlap(scene: Scene, first: int, second: int) -> bool:
    one, other = scene.bodies[first], scene.bodies[second]
    return one.lane == other.lane and abs(one.x - other.x) < 2 * scene.radius
