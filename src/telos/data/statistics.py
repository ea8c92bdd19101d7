"""Statistics of streams, mergeable and reversible, stored beside a checkpoint.

Source: Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance",
for merging two sets of moments without loss of precision.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from telos.data.frames import Frames
from telos.data.recording import Recording

Array = TypeVar("Array", np.ndarray, torch.Tensor)
CONSTANT = 1e-6
"""A standard deviation below this share of the largest magnitude counts as zero."""
SLAB_VALUES = 2**22
"""Values converted to float64 at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamStatistics:
    """Moments and range of a stream, per dimension, or per channel of an image."""

    count: int
    """Values per dimension."""
    mean: np.ndarray
    m2: np.ndarray
    """Sum of squared deviations from the mean."""
    min: np.ndarray
    max: np.ndarray

    @classmethod
    def of_array(cls, array: Frames) -> StreamStatistics:
        """Statistics of (N, ...) rows; images (N, H, W, C) give one value per channel.

        Every row is read once, a slab at a time.

        Raises:
            ValueError: If there are no rows, or a value is not finite.
        """
        if len(array) == 0:
            raise ValueError("statistics of no rows; record something first")
        slab = max(1, SLAB_VALUES // max(1, int(np.prod(array.shape[1:]))))
        firsts = range(0, len(array), slab)
        parts = (cls._of_rows(array[first : first + slab]) for first in firsts)
        merged = functools.reduce(StreamStatistics.merge, parts)
        if not np.isfinite(merged.mean).all():
            raise ValueError("statistics of NaN or infinite values; clean the stream")
        return merged

    @classmethod
    def _of_rows(cls, rows: np.ndarray) -> StreamStatistics:
        if rows.ndim == 4:
            rows = rows.reshape(-1, rows.shape[-1])
        if rows.dtype == np.uint8 and rows.ndim == 2:
            return cls._of_bytes(rows)
        values = rows.astype(np.float64)
        mean = values.mean(axis=0)
        return cls(
            count=len(values),
            mean=mean,
            m2=((values - mean) ** 2).sum(axis=0),
            min=values.min(axis=0),
            max=values.max(axis=0),
        )

    @classmethod
    def _of_bytes(cls, rows: np.ndarray) -> StreamStatistics:
        """The same from counts of the 256 values: far faster for pixels, and exact."""
        counts = np.stack([np.bincount(column, minlength=256) for column in rows.T])
        levels = np.arange(256.0)
        mean = counts @ levels / len(rows)
        return cls(
            count=len(rows),
            mean=mean,
            m2=(counts * (levels - mean[:, None]) ** 2).sum(axis=1),
            min=(counts > 0).argmax(axis=1).astype(float),
            max=255.0 - (counts[:, ::-1] > 0).argmax(axis=1),
        )

    def merge(self, other: StreamStatistics) -> StreamStatistics:
        """Statistics of both sets of rows together."""
        count = self.count + other.count
        delta = other.mean - self.mean
        return StreamStatistics(
            count=count,
            mean=self.mean + delta * other.count / count,
            m2=self.m2 + other.m2 + delta**2 * self.count * other.count / count,
            min=np.minimum(self.min, other.min),
            max=np.maximum(self.max, other.max),
        )

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of the rows themselves (divided by the count)."""
        return np.sqrt(self.m2 / self.count)

    @property
    def constant(self) -> np.ndarray:
        """Which dimensions never change."""
        magnitude = np.maximum(np.abs(self.min), np.abs(self.max))
        return self.std <= CONSTANT * magnitude

    @property
    def scale(self) -> np.ndarray:
        """What `normalise` divides by: the deviation, or 1 where there is none."""
        return np.where(self.constant, 1.0, self.std)

    def normalise(self, values: Array) -> Array:
        """(..., D) to zero mean and unit deviation; constant dimensions are shifted."""
        mean, scale = _like(values, self.mean), _like(values, self.scale)
        return (values - mean) / scale

    def denormalise(self, values: Array) -> Array:
        """Undo `normalise`."""
        mean, scale = _like(values, self.mean), _like(values, self.scale)
        return values * scale + mean

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint."""
        arrays = {n: getattr(self, n).tolist() for n in ("mean", "m2", "min", "max")}
        return {"count": self.count, **arrays}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> StreamStatistics:
        arrays = {n: np.asarray(fields[n], float) for n in ("mean", "m2", "min", "max")}
        return cls(count=int(fields["count"]), **arrays)


def of_recording(
    recording: Recording, names: Collection[str] | None = None
) -> dict[str, StreamStatistics]:
    """Statistics of streams under their names in the file.

    Args:
        recording: Episodes; what lies in a file is read once, a slab at a time.
        names: Some of ``observations/<stream>``, ``labels/<name>`` and ``actions``;
            all by default, where images take by far the most time.

    Returns:
        Statistics by name; the last rows of episodes, which have no action, do not
        count in ``actions``.

    Raises:
        ValueError: If a name is unknown, or a value is not finite.
    """
    leaves = np.ones(recording.num_frames, bool)
    leaves[recording.starts + recording.lengths - 1] = False
    streams = {"observations": recording.observations, "labels": recording.labels}
    arrays: dict[str, Frames] = {
        f"{group}/{name}": frames
        for group, members in streams.items()
        for name, frames in members.items()
    }
    arrays["actions"] = recording.actions[leaves]
    wanted = arrays.keys() if names is None else names
    unknown = sorted(set(wanted) - set(arrays))
    if unknown:
        raise ValueError(f"no streams {unknown}; there are {sorted(arrays)}")
    return {name: StreamStatistics.of_array(arrays[name]) for name in wanted}


def _like(values: Array, array: np.ndarray) -> Array:
    """A statistic in the type and device of the values; integers become float32."""
    if isinstance(values, torch.Tensor):
        dtype = values.dtype if values.is_floating_point() else torch.float32
        return torch.as_tensor(array, dtype=dtype, device=values.device)
    dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float32)
    return array.astype(dtype)
