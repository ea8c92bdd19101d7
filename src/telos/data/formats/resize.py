"""Resizing the images of a recording: the one place for all formats."""

from __future__ import annotations

import numpy as np
from PIL import Image

AREA = 0x20 | 0x2000 | 0x4000 | 0x40000
"""Flags of FFmpeg's scaler: average areas, halve no colours, round exactly."""


def resize(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize images, by averaging areas where they shrink.

    A whole factor averages equal blocks exactly. Any other shrinking averages the area
    of a new pixel to within one level (FFmpeg's scaler); what grows in height or width
    is interpolated linearly. The aspect ratio is not kept.

    Args:
        frames: (T, H, W, 3) uint8.
        size: New height and width.

    Returns:
        (T, h, w, 3) uint8; the frames themselves if they have that size already.

    Raises:
        ValueError: If the frames are not (T, H, W, 3) uint8, or the size is not
            positive.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise ValueError(
            f"cannot resize an array of shape {frames.shape} and dtype {frames.dtype}, "
            "expected (T, H, W, 3) uint8"
        )
    if min(size) < 1:
        raise ValueError(f"images of {size[0]} x {size[1]} pixels: expected at least 1")
    if frames.shape[1:3] == tuple(size):
        return frames
    out = np.empty((len(frames), *size, 3), np.uint8)
    for before, after in zip(frames, out, strict=True):
        after[:] = _resize_one(before, size)
    return out


def _resize_one(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    (height, width), (new_height, new_width) = frame.shape[:2], size
    if height % new_height == 0 and width % new_width == 0:
        factors = width // new_width, height // new_height
        return np.asarray(Image.fromarray(frame).reduce(factors))
    if new_height <= height and new_width <= width:
        return _averaged(frame, size)
    linear = Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(frame).resize((new_width, new_height), linear))


def _averaged(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    # Pillow's box filter weighs pixels by where their centres lie, up to 20 levels off.
    import av

    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
    small = picture.reformat(
        width=size[1], height=size[0], format="rgb24", interpolation=AREA
    )
    return small.to_ndarray()
