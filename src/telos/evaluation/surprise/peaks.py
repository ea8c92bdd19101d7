"""Where a trace stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

SPREADS = 6.0
"""Robust deviations above the median that stand out of a video by themselves."""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """Consecutive frames above a threshold."""

    frame: int
    """The most surprising of them."""
    surprise: float
    first: int
    last: int


def find_peaks(trace: Float[np.ndarray, " T"], threshold: float) -> Sequence[Peak]:
    """Runs above a threshold, most surprising first; NaN is never above."""
    above = np.nan_to_num(trace, nan=-np.inf) > threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[0], above.astype(int), [0]])))
    peaks = []
    for first, end in edges.reshape(-1, 2):
        best = int(first + np.argmax(trace[first:end]))
        peaks.append(
            Peak(
                frame=best,
                surprise=float(trace[best]),
                first=int(first),
                last=int(end - 1),
            )
        )
    return sorted(peaks, key=lambda peak: -peak.surprise)


def own_threshold(trace: Float[np.ndarray, " T"]) -> float:
    """What stands out of this trace alone: median and robust deviations above it.

    No false-alarm rate follows from it; calibrate on other videos for that. A trace
    that hardly varies has no peaks.

    Raises:
        ValueError: If no frame was predicted.
    """
    known = trace[~np.isnan(trace)]
    if not len(known):
        raise ValueError("no frame of the video was predicted: it is too short")
    middle = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - middle)))
    return middle + max(SPREADS * spread, 1e-6 * abs(middle), 1e-12)
