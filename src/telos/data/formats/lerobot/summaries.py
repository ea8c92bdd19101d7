"""Statistics as LeRobot writes them: of every episode, and of all together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from telos.data.statistics import StreamStatistics

FIELDS = ("min", "max", "mean", "std")


def merged(
    left: Mapping[str, StreamStatistics], right: Mapping[str, StreamStatistics]
) -> dict[str, StreamStatistics]:
    """Statistics of the rows of both, by feature; the left side may be empty."""
    return {n: left[n].merge(found) if left else found for n, found in right.items()}


def as_json(
    found: StreamStatistics, picture: tuple[int, int, int] | None = None
) -> dict[str, list[Any]]:
    """The fields of ``stats.json``.

    Args:
        found: Of a feature, pixels of a camera counted one by one.
        picture: Shape of a camera's picture: its values become shares of 255 with the
            channel first, and pictures are counted instead of pixels.
    """
    if picture is None:
        numbers = {name: np.atleast_1d(getattr(found, name)) for name in FIELDS}
        count = found.count
    else:
        shares = {name: getattr(found, name) / 255 for name in FIELDS}
        numbers = {name: value.reshape(3, 1, 1) for name, value in shares.items()}
        count = found.count // (picture[0] * picture[1])
    lists = {name: value.astype(float).tolist() for name, value in numbers.items()}
    return {**lists, "count": [count]}
