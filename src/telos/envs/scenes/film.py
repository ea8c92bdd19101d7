"""From scenes and motions to frames: painted back to front, one batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telos.envs.scenes.draw import blend, body_cover, box_cover
from telos.envs.scenes.scene import THICKNESS, Look, Scene

HORIZON = 0.46
"""Height at which the floor ends in the picture."""
AWAY = 9.0
"""Where bodies are that a scene does not have."""
BELOW = -1.0
"""Furniture reaches below the image, whatever the camera does."""
BATCH = 16
"""Clips painted together: what fits into a processor's cache."""


def film(scenes: Sequence[Scene], paths: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Paint clips.

    Args:
        scenes: Q of them.
        paths: Of each its motion (T, N, 4), T equal for all.
        size: Pixels along a side.

    Returns:
        (Q, T, size, size, 3) uint8. A clip does not depend on those around it.
    """
    clips = np.empty((len(scenes), len(paths[0]), size, size, 3), np.uint8)
    for first in range(0, len(scenes), BATCH):
        part = slice(first, first + BATCH)
        clips[part] = _paint(scenes[part], paths[part], size)
    return clips


def camera_path(look: Look, frames: int) -> np.ndarray:
    """(T, 2) by which the camera is off its usual place."""
    across, up, period, phase = look.sway
    angle = 2 * np.pi * np.arange(frames) / period + phase
    return np.column_stack([across * np.sin(angle), up * np.sin(1.3 * angle + phase)])


def _paint(
    scenes: Sequence[Scene], paths: Sequence[np.ndarray], size: int
) -> np.ndarray:
    frames = len(paths[0])
    camera = np.stack([camera_path(scene.look, frames) for scene in scenes])
    middles = (np.arange(size) + 0.5) / size
    still = 1 if not camera.any() else frames
    columns = middles + camera[:, :still, :1]
    rows = middles[::-1] + camera[:, :still, 1:]
    behind = _backdrop(scenes, columns, rows, 1 / size)
    images = np.repeat(behind, frames // still, axis=1)
    _add_bodies(images, scenes, paths, camera)
    _add_screens(images, scenes, columns, rows)
    clips = np.rint(images).astype(np.int16)
    for clip, scene in zip(clips, scenes, strict=True):
        _add_grain(clip, scene.look)
    return np.clip(clips, 0, 255).astype(np.uint8)


def _backdrop(
    scenes: Sequence[Scene], columns: np.ndarray, rows: np.ndarray, pixel: float
) -> np.ndarray:
    """(B, T, S, S, 3) what is behind the bodies; T is 1 where nothing sways."""
    shape = (*columns.shape, columns.shape[-1], 3)
    images = np.empty(shape, np.float32)
    images[:] = _colours(scenes, "backdrop")
    floor = np.array([[-AWAY, AWAY, -AWAY, HORIZON]])
    blend(images, box_cover(columns, rows, floor, pixel), _colours(scenes, "floor"))
    for row, scene in enumerate(scenes):
        _add_waves(images[row], scene.look.waves, columns[row], rows[row])
    boxes = np.array([[_wall_box(s), _shelf_box(s)] for s in scenes])
    for box in np.moveaxis(boxes, 1, 0):
        cover = box_cover(columns, rows, box[:, None], pixel)
        blend(images, cover, _colours(scenes, "furniture"))
    return images


def _add_waves(
    images: np.ndarray, waves: np.ndarray, columns: np.ndarray, rows: np.ndarray
) -> None:
    for across, up, phase, *colour in waves:
        angle = up * rows[:, :, None] + across * columns[:, None] + phase
        wave = np.cos(2 * np.pi * angle).astype(np.float32)
        images += wave[..., None] * np.array(colour, np.float32)


def _wall_box(scene: Scene) -> tuple[float, float, float, float]:
    wall = scene.wall
    if wall is None:
        return AWAY, AWAY, BELOW, BELOW
    return wall.x - THICKNESS / 2, wall.x + THICKNESS / 2, BELOW, wall.top


def _shelf_box(scene: Scene) -> tuple[float, float, float, float]:
    shelf = scene.shelf
    if shelf is None:
        return AWAY, AWAY, BELOW, BELOW
    return shelf.left, shelf.right, shelf.top - THICKNESS, shelf.top


def _colours(scenes: Sequence[Scene], part: str) -> np.ndarray:
    """(B, 1, 1, 1, 3) of a part of each look."""
    rows = [getattr(scene.look, part) for scene in scenes]
    return np.array(rows, np.float32)[:, None, None, None]


def _add_bodies(
    images: np.ndarray,
    scenes: Sequence[Scene],
    paths: Sequence[np.ndarray],
    camera: np.ndarray,
) -> None:
    """Draw the farthest body of every scene, then the next one."""
    orders = [_far_to_near(scene) for scene in scenes]
    for nth in range(max(map(len, orders))):
        places = np.full((*images.shape[:2], 2), AWAY)
        shapes, colours = np.zeros(len(scenes), int), np.zeros((len(scenes), 3))
        for row, order in enumerate(orders):
            if nth < len(order):
                body = scenes[row].bodies[order[nth]]
                places[row] = paths[row][:, order[nth], :2] - camera[row]
                shapes[row], colours[row] = body.shape, body.colour
        radii = np.array([scene.radius for scene in scenes])
        _stamp(images, places, radii, shapes, colours)


def _stamp(
    images: np.ndarray,
    places: np.ndarray,
    radii: np.ndarray,
    shapes: np.ndarray,
    colours: np.ndarray,
) -> None:
    """Draw one body per scene, touching only the pixels around it."""
    size = images.shape[2]
    across = places[..., 0] * size - 0.5
    down = (1 - places[..., 1]) * size - 0.5
    reach = radii.max() * size + 0.5
    window = np.arange(int(np.ceil(2 * reach)) + 2)
    columns = np.floor(across - reach).astype(int)[..., None] + window
    rows = np.floor(down - reach).astype(int)[..., None] + window
    cover = body_cover(
        (columns - across[..., None])[..., None, :],
        (down[..., None] - rows)[..., :, None],
        radii * size,
        shapes,
    )
    seen = (rows >= 0) & (rows < size)
    cover *= seen[..., :, None] & ((columns >= 0) & (columns < size))[..., None, :]
    clip, frame, row, column = np.nonzero(cover)
    at = (clip, frame, rows[clip, frame, row], columns[clip, frame, column])
    touched = images[at]
    share = cover[clip, frame, row, column].astype(np.float32)
    blend(touched, share, colours[clip].astype(np.float32))
    images[at] = touched


def _add_screens(
    images: np.ndarray,
    scenes: Sequence[Scene],
    columns: np.ndarray,
    rows: np.ndarray,
) -> None:
    frames = np.arange(images.shape[1])
    for nth in range(max(len(scene.screens) for scene in scenes)):
        boxes = np.full((len(scenes), len(frames), 4), BELOW)
        for row, scene in enumerate(scenes):
            if nth < len(scene.screens):
                screen = scene.screens[nth]
                boxes[row, :, 0], boxes[row, :, 1] = screen.left, screen.right
                boxes[row, :, 3] = screen.top(frames)
        cover = box_cover(columns, rows, boxes, 1 / images.shape[2])
        blend(images, cover, _colours(scenes, "screen"))


def _add_grain(clip: np.ndarray, look: Look) -> None:
    """Patterns of single pixels over everything, in place."""
    for number, half in ((1, look.overlay), (2, look.noise)):
        if half:
            rng = np.random.default_rng([look.grain, number])
            shape = clip.shape if number == 2 else clip.shape[1:]
            width = round(255 * half)
            clip += rng.integers(-width, width + 1, shape, np.int16)


def _far_to_near(scene: Scene) -> list[int]:
    bodies = scene.bodies
    return sorted(range(len(bodies)), key=lambda index: -bodies[index].lane)
