"""Pictures that are larger than what an agent sees, made as small as that."""

from __future__ import annotations

import numpy as np

from telos.data.formats.resize import resize

COLOURS = (1, 3)
"""Channels of what is a picture: grey, or red, green and blue."""


def shrunk(pictures: np.ndarray, size: tuple[int, int], where: str) -> np.ndarray:
    """Pictures in the size that a run sees, areas averaged as when data are imported.

    What is of that size already stays untouched.

    Args:
        pictures: (T, H, W, C) uint8 with one channel or three.
        size: Height and width that the run sees.
        where: What to call them in messages.

    Returns:
        (T, h, w, C) uint8.

    Raises:
        ValueError: If they are smaller, or half a pixel would not make up for another
            aspect: what they show would move.
    """
    found, colours = pictures.shape[1:3], pictures.shape[3]
    if found == size:
        return pictures
    has, sees = (f"{w} x {h} pixels" for h, w in (found, size))
    if found[0] < size[0] or found[1] < size[1]:
        raise ValueError(
            f"{where} has {has}, fewer than the run sees ({sees}), and details cannot "
            "be made up; give a larger picture"
        )
    if not _keeps_aspect(found, size):
        raise ValueError(
            f"{where} has {has}, the run sees {sees}: to resize it would distort what "
            "it shows; crop it as the recording was. If the recording was squeezed "
            "when it was imported, squeeze the picture to this size first"
        )
    if colours == 3:
        return resize(pictures, size)
    return resize(np.repeat(pictures, 3, axis=3), size)[..., :1]


def _keeps_aspect(found: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether one factor gives both sides, to half a pixel of the new ones."""
    fitting = min(size[0] / found[0], size[1] / found[1])
    return all(n - fitting * f <= 0.5 for f, n in zip(found, size, strict=True))
