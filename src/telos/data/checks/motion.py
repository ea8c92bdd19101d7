"""Numbers that say what stands where in a frame, and what moved between two frames.

They are made for one purpose: a linear fit on them should tell which action was taken.
A blob that moves by d on an even ground carries d times its mass, however far it moves;
motion on textured ground shows in sums of the temporal difference times the spatial
gradient, which are linear in the motion as long as it is short against the blur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telos.data.checks.clips import Clips, Frames

COARSE = 8
"""Sides of the coarsest picture, whose principal components say what stands where."""
COMPONENTS = 12
"""Principal components that are kept."""
CORE = 4
"""Of them, those that are tried without the rest."""
GRID = 3
"""Cells along each side in which motion is summed up."""
SCALES = (1, 2)
"""Boxes of thumbnail pixels over which frames are averaged before gradients."""
WIDEST = 48
"""Numbers of a state that are used; wider ones are projected onto so many."""
BATCH = 256
"""Frames whose gradients are held at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """What is known of N rows, row by row with the clips."""

    name: str
    """Where it comes from: ``pixels``, ``state``, ``labels``."""
    clips: Clips
    now: np.ndarray
    """(N, P) what stands where in row t."""
    step: np.ndarray
    """(N, Q) what changed from row t to t+1; meaningless in the last row of a clip."""
    core: tuple[int, int]
    """How many leading columns of both say most: with few rows they do better alone."""


def of_column(name: str, clips: Clips, columns: list[np.ndarray]) -> Features | None:
    """Features of states or labels: their values and their change.

    Returns:
        None if nothing ever changes.
    """
    rows = [c.reshape(len(c), -1).astype(np.float64) for c in columns]
    values = np.concatenate(rows, axis=1)
    values = values[:, np.isfinite(values).all(axis=0)]
    # Far outliers (an angle that jumps, a sensor that fails) would rule every fit.
    values = values[:, np.ptp(values, axis=0) > 0] if values.size else values
    if not values.shape[1]:
        return None
    if values.shape[1] > WIDEST:
        values = _projected(values, WIDEST)
    core = (values.shape[1], values.shape[1])
    return Features(name=name, clips=clips, now=values, step=_change(values), core=core)


def of_frames(frames: Frames) -> Features | None:
    """Features of an image stream.

    Returns:
        None if nothing ever changes.
    """
    grey = _moving_colour(frames)
    if not np.ptp(grey, axis=0).any():
        return None
    coarse = _boxes(grey, max(min(grey.shape[1:]) // COARSE, 1))
    now = _projected(coarse.reshape(len(coarse), -1).astype(np.float64), COMPONENTS)
    flows = [_flow(_boxes(grey, scale)) for scale in SCALES]
    carried = _carried(grey)
    step = np.concatenate([carried, _change(now), *flows], axis=1)
    core = (CORE, carried.shape[1])
    return Features(
        name=frames.stream, clips=frames.clips, now=now, step=step, core=core
    )


def _change(values: np.ndarray) -> np.ndarray:
    """(N, P) difference to the next row; 0 in the last."""
    return np.diff(values, axis=0, append=values[-1:])


def _moving_colour(frames: Frames) -> np.ndarray:
    """(N, h, w) float32: the mixture of channels in which frames change most."""
    small = frames.thumbnails
    channels = small.shape[3]
    if channels == 1:
        return small[..., 0].astype(np.float32)
    total = np.zeros((channels, channels))
    for start in range(0, len(small) - 1, BATCH):
        part = small[start : start + BATCH + 1].astype(np.float32)
        flat = np.diff(part, axis=0).reshape(-1, channels).astype(np.float64)
        total += flat.T @ flat
    mixture = np.linalg.eigh(total)[1][:, -1].astype(np.float32)
    # The sign of an eigenvector is arbitrary; brighter stays brighter.
    mixture = mixture if mixture.sum() >= 0 else -mixture
    return np.concatenate(
        [
            small[start : start + BATCH].astype(np.float32) @ mixture
            for start in range(0, len(small), BATCH)
        ]
    )


def _boxes(grey: np.ndarray, box: int) -> np.ndarray:
    """(N, h, w) means over boxes."""
    if box == 1:
        return grey
    rows, columns = grey.shape[1] // box, grey.shape[2] // box
    cut = grey[:, : rows * box, : columns * box]
    return cut.reshape(len(grey), rows, box, columns, box).mean(axis=(2, 4))


def _axes(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of pixels along both sides, in [-1, 1]."""
    return np.linspace(-1, 1, height), np.linspace(-1, 1, width)


def _carried(grey: np.ndarray) -> np.ndarray:
    """(N, 6) how far brightness was carried between two frames, and around what.

    The first moments of the temporal difference, taken about the place where most
    changes: a blob that moves by d gives d times its mass, however far it moves, and
    an error of its mass does little so near. Their products with that place turn with
    what turns about the middle of the image. 0 in the last row.
    """
    out = np.zeros((len(grey), 6))
    y, x = _axes(*grey.shape[1:])
    for start in range(0, len(grey) - 1, BATCH):
        change = np.diff(grey[start : start + BATCH + 1].astype(np.float64), axis=0)
        weight = change**2
        total = weight.sum(axis=(1, 2)) + 1e-9
        columns, rows = change.sum(axis=1), change.sum(axis=2)
        mass = rows.sum(axis=1)
        place = np.stack(
            [weight.sum(axis=1) @ x / total, weight.sum(axis=2) @ y / total], axis=1
        )
        way = np.stack([columns @ x, rows @ y], axis=1) - place * mass[:, None]
        turned = (way[:, :, None] * place[:, None]).reshape(len(way), 4)
        out[start : start + len(way)] = np.concatenate([way, turned], axis=1)
    return out


def _projected(values: np.ndarray, components: int) -> np.ndarray:
    """(N, K) principal components; as many as there are, if fewer."""
    centred = values - values.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :components]
    return centred @ axes


def _flow(grey: np.ndarray) -> np.ndarray:
    """(N, 6 + 2 G^2) sums of the temporal difference times spatial gradients.

    The first six are weighted by 1, x and y, which makes them linear in an affine
    motion of the whole; the others are sums over cells. 0 in the last row.

    Source: the normal equations of Lucas and Kanade 1981, "An iterative image
    registration technique", without their left side.
    """
    out = np.zeros((len(grey), 6 + 2 * GRID**2))
    for start in range(0, len(grey) - 1, BATCH):
        part = _blurred(grey[start : start + BATCH + 1])
        change, middle = np.diff(part, axis=0), (part[1:] + part[:-1]) / 2
        down, right = np.gradient(middle, axis=(1, 2))
        out[start : start + len(change)] = _sums(right * change, down * change)
    return out


def _sums(right: np.ndarray, down: np.ndarray) -> np.ndarray:
    y, x = _axes(*right.shape[1:])
    parts = []
    for product in (right, down):
        rows, columns = product.sum(axis=2), product.sum(axis=1)
        parts += [
            rows.sum(axis=1)[:, None],
            (columns @ x)[:, None],
            (rows @ y)[:, None],
        ]
        parts += [
            cell.sum(axis=(1, 2))[:, None]
            for band in np.array_split(product, GRID, axis=1)
            for cell in np.array_split(band, GRID, axis=2)
        ]
    return np.concatenate(parts, axis=1)


def _blurred(grey: np.ndarray) -> np.ndarray:
    """Blur by (1, 2, 1) / 4 along both sides, so that gradients reach further."""
    for axis in (1, 2):
        pad = [(0, 0), (0, 0), (0, 0)]
        pad[axis] = (1, 1)
        wide = np.pad(grey, pad, mode="edge")
        size = grey.shape[axis]
        first, middle, last = (
            np.take(wide, range(at, at + size), axis=axis) for at in range(3)
        )
        grey = (first + 2 * middle + last) / 4
    return grey
