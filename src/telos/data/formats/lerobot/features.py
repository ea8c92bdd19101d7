"""Features of a LeRobot dataset, and what they are called in `telos`.

| feature | in an episode file |
|---|---|
| images and videos | ``pixels``, or ``pixels_<camera>`` where there are several |
| ``observation.state`` | ``state`` |
| ``action`` | actions |
| ``timestamp`` | label ``time`` |
| ``frame_index``, ``episode_index``, ``index`` | left out: they count what is there |
| other numbers | label of the same name |
| other things (text) | left out |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ACTION = "action"
STATE = "observation.state"
CAMERAS = "observation.images."
"""What the keys of cameras begin with, mostly."""
TIMESTAMP = "timestamp"
COUNTERS = ("frame_index", "episode_index", "index")
PICTURES = ("image", "video")


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One column of the tables, or one camera."""

    dtype: str
    """Numpy's name, or ``image``, ``video`` or ``string``."""
    shape: tuple[int, ...]
    names: tuple[str, ...] = ()
    """Of its dimensions, where they have any."""

    @classmethod
    def from_json(cls, path: Path, name: str, fields: Any) -> Feature:
        """Decode an entry of ``features``.

        Raises:
            ValueError: If it has no dtype or no usable shape.
        """
        fields = fields if isinstance(fields, dict) else {}
        dtype, shape = fields.get("dtype"), fields.get("shape")
        sizes = shape if isinstance(shape, list) else []
        whole = bool(sizes) and all(
            isinstance(size, int) and size > 0 for size in sizes
        )
        if not isinstance(dtype, str) or not whole:
            raise ValueError(
                f"{path}: feature {name!r} has dtype {dtype!r} and shape {shape!r}, "
                "expected a name and a list of numbers"
            )
        names = fields.get("names")
        if isinstance(names, dict):  # by group, for example motors
            names = next(iter(names.values()), None)
        names = tuple(map(str, names)) if isinstance(names, list) else ()
        return cls(dtype=dtype, shape=tuple(sizes), names=names)

    @property
    def is_picture(self) -> bool:
        return self.dtype in PICTURES

    @property
    def is_number(self) -> bool:
        try:
            return np.dtype(self.dtype).kind in "biuf"
        except TypeError:  # "string" and whatever else numpy does not know
            return False

    @property
    def num_values(self) -> int:
        """Numbers in a row."""
        return math.prod(self.shape)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of a row here: a shape of (1,) without a name is a plain number."""
        return () if self.shape == (1,) and not self.names else self.shape


def camera_streams(features: Mapping[str, Feature]) -> dict[str, str]:
    """Stream name -> feature of every camera.

    Raises:
        ValueError: If two cameras would get one name.
    """
    keys = [key for key, feature in features.items() if feature.is_picture]
    if len(keys) == 1:
        return {"pixels": keys[0]}
    streams: dict[str, str] = {}
    for key in keys:
        name = f"pixels_{plain_name(key.removeprefix(CAMERAS))}"
        if name in streams:
            raise ValueError(
                f"cameras {streams[name]!r} and {key!r} would both become the stream "
                f"{name!r}; rename one of them in the dataset"
            )
        streams[name] = key
    return streams


def plain_name(text: str) -> str:
    """Letters, digits and underscores: dots and slashes mean something in files."""
    return "".join(c if c.isalnum() else "_" for c in text)


def labels_of(features: Mapping[str, Feature]) -> dict[str, str]:
    """Label -> column of every number that is no action, state, counter or camera."""
    labels = {"time": TIMESTAMP} if TIMESTAMP in features else {}
    for key, feature in features.items():
        taken = (ACTION, STATE, TIMESTAMP, *COUNTERS)
        if key not in taken and feature.is_number:
            labels[key] = key
    return labels
