"""Surprise without a model: how far a frame is from what the last ones say."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from telos.evaluation.surprise.watching import check_clips, check_memory


class FrameDifference:
    """Mean absolute change of a pixel since the frame before, in [0, 1]."""

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`; the first frame is NaN."""
        check_memory(memory, 1)
        step = np.diff(check_clips(clips).astype(np.int64), axis=1)
        # Whole numbers first: sums of the same steps are then equal to the last bit.
        return _after(np.abs(step).sum(axis=(2, 3, 4)) / (255 * step[0, 0].size), 1)


class CopyLast:
    """Squared error of predicting that nothing changes."""

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`; the first frame is NaN."""
        check_memory(memory, 1)
        step = np.diff(check_clips(clips).astype(np.int64), axis=1)
        return _after(
            np.square(step).sum(axis=(2, 3, 4)) / (255**2 * step[0, 0].size), 1
        )


class LinearExtrapolation:
    """Squared error of predicting that every pixel goes on changing as it did."""

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`; the first two frames are NaN."""
        check_memory(memory, 2)
        bend = np.diff(check_clips(clips).astype(np.int64), n=2, axis=1)
        size = clips[0, 0].size
        return _after(np.square(bend).sum(axis=(2, 3, 4)) / (255**2 * size), 2)


def _after(errors: Float[np.ndarray, "B t"], unknown: int) -> Float[np.ndarray, "B T"]:
    """Errors behind so many frames that nothing was predicted of."""
    return np.pad(errors, ((0, 0), (unknown, 0)), constant_values=np.nan)
