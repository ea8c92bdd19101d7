"""JPEG images kept in rows of an HDF5 dataset, as Minari stores them."""

from __future__ import annotations

import io

import h5py
import numpy as np
from PIL import Image, UnidentifiedImageError


def is_jpeg_table(data: h5py.Dataset, shape: tuple[int, ...]) -> bool:
    """Whether a dataset that should have rows of a shape has rows of bytes instead."""
    if h5py.check_vlen_dtype(data.dtype) == np.uint8:
        return data.ndim == 1
    return data.dtype == np.uint8 and data.ndim == 2 and len(shape) in (2, 3)


def decode_jpegs(
    data: h5py.Dataset, first: int, stop: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Rows [first, stop) as uint8 images of a shape.

    Raises:
        ValueError: If there are fewer rows, or one is no such image.
    """
    if stop > len(data):
        raise ValueError(f"{data.name} has {len(data)} rows, expected {stop}")
    try:
        stored = data[first:stop]
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{data.name} is damaged ({error})") from error
    out = np.empty((stop - first, *shape), np.uint8)
    for number, row in enumerate(stored):
        try:
            out[number] = _decode(row, shape)
        except (Image.DecompressionBombError, OSError, ValueError) as error:
            raise ValueError(f"{data.name}, row {first + number}: {error}") from error
    return out


def _decode(row: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """One image; its size is compared before it is decoded."""
    try:
        image = Image.open(io.BytesIO(row.tobytes()), formats=["JPEG"])
    except UnidentifiedImageError as error:
        raise ValueError("no JPEG image") from error
    colours = 1 if image.mode == "L" else 3
    found = (image.height, image.width, colours)
    if found != (*shape, 1)[:3]:
        raise ValueError(f"a JPEG image of shape {found}, expected {shape}")
    wanted = image if image.mode in ("L", "RGB") else image.convert("RGB")
    return np.asarray(wanted).reshape(shape)
