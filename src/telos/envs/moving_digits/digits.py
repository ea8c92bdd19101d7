"""The images of handwritten digits, and how they are drawn between pixels."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np

LARGEST = 16
"""Value of a pixel that is ink all over."""
HELD_OUT = 4
"""Every so many-th image is never shown in training."""


@cache
def load_digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 8, 8) in [0, 1] and the digits (N,) that they show, 0 to 9.

    See digits.md for where they come from. ``train`` and ``test`` share no image.
    """
    file = files("telos.envs.moving_digits").joinpath("digits.npz")
    with file.open("rb") as stream, np.load(stream) as stored:
        images, digits = stored["images"], stored["digits"]
    held_out = np.arange(len(digits)) % HELD_OUT == 0
    chosen = held_out if split == "test" else ~held_out
    return images[chosen] / LARGEST, digits[chosen].astype(int)


def draw_digits(
    images: np.ndarray, places: np.ndarray, side: float, size: int
) -> np.ndarray:
    """Images with digits in them; where digits overlap, the brighter one shows.

    Args:
        images: (B, N, 8, 8) in [0, 1].
        places: (B, T, N, 2) x and y of their centres, sides of the image, y upwards.
        side: Of a digit, sides of the image.
        size: Pixels along a side.

    Returns:
        (B, T, size, size) uint8.
    """
    cells = images.shape[-1]
    middles = (np.arange(size) + 0.5) / size
    cell = np.arange(cells)
    across = _weights(middles - places[..., :1], side, cell)
    # Rows of an image go downwards.
    down = _weights(places[..., 1:] - (1 - middles), side, cell)
    drawn = np.zeros((*places.shape[:2], size, size), np.float32)
    for number in range(images.shape[1]):
        ink = images[:, number, None].astype(np.float32)
        columns = across[:, :, number].swapaxes(-1, -2)
        drawn = np.maximum(drawn, down[:, :, number] @ ink @ columns)
    return np.rint(255 * np.minimum(drawn, 1.0)).astype(np.uint8)


def _weights(offset: np.ndarray, side: float, cell: np.ndarray) -> np.ndarray:
    """(..., S, cells) how much each cell of a digit counts at offsets (..., S) from its
    centre: linear between the middles of cells, nothing beyond."""
    at = (offset / side + 0.5) * len(cell) - 0.5
    return np.maximum(1 - np.abs(at[..., None] - cell), 0).astype(np.float32)
