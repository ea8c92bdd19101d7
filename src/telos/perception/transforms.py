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
    if factor < 1:
        raise ValueError(f"the block side is {factor}, expected at least 1")
    if factor == 1:
        return pixels
    height, width = pixels.shape[-3:-1]
    if height % factor or width % factor:
        raise ValueError(
            f"images of {height} x {width} cannot be averaged in blocks of {factor}; "
            "choose a factor that divides both sides"
        )
    # Strided sums are several times faster than a mean over two axes of a view.
    total = np.zeros_like(pixels[..., ::factor, ::factor, :], np.uint32)
    for row in range(factor):
        for column in range(factor):
            total += pixels[..., row::factor, column::factor, :]
    return ((total + factor**2 // 2) // factor**2).astype(np.uint8)
