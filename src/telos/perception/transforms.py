"""Image transforms, on numpy arrays as they are stored."""

from __future__ import annotations

import numpy as np


def downsample(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Average blocks of ``factor`` x ``factor`` pixels.

    Args:
        pixels: (..., H, W, C) uint8.
        factor: Divides H and W.

    Returns:
        (..., H/factor, W/factor, C) uint8, rounded to nearest.

    Raises:
        ValueError: If the factor does not divide the image, or pixels are not uint8.
    """
    if pixels.dtype != np.uint8:
        raise ValueError(f"pixels are {pixels.dtype}, expected uint8 in [0, 255]")
    if factor == 1:
        return pixels
    height, width = pixels.shape[-3:-1]
    if height % factor or width % factor:
        raise ValueError(
            f"images of {height} x {width} cannot be averaged in blocks of {factor}; "
            "choose a factor that divides both sides"
        )
    rows = sum(
        pixels[..., i::factor, j::factor, :].astype(np.uint16)
        for i in range(factor)
        for j in range(factor)
    )
    return ((rows + factor**2 // 2) // factor**2).astype(np.uint8)
