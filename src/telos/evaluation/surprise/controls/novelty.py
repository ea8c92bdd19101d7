"""Surprise of a single frame: is the picture unlike those of possible clips?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from telos.evaluation.surprise.controls.features import Features, clip_features
from telos.evaluation.surprise.watching import check_clips

NEIGHBOURS = 5
SHRINKAGE = 1e-2
"""Share of the mean variance that is added to every direction."""
BANK = 4096
"""Frames that nearest neighbours are looked for among."""


class MahalanobisNovelty:
    """Distance of a frame's features from their mean, in standard deviations.

    Args:
        features: Of a single frame.
        clips: Possible clips that say what frames are like.

    Source: Lee et al. 2018, "A simple unified framework for detecting
    out-of-distribution samples".
    """

    def __init__(
        self, features: Features, clips: UInt8[np.ndarray, "B T H W 3"]
    ) -> None:
        self._features = features
        rows = _rows(features, clips)
        self._mean = rows.mean(0)
        covariance = np.atleast_2d(np.cov(rows, rowvar=False))
        extra = SHRINKAGE * max(float(np.trace(covariance)) / len(covariance), 1e-12)
        self._precision = np.linalg.inv(covariance + extra * np.eye(len(covariance)))

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`; it has no use for memory."""
        away = clip_features(self._features, check_clips(clips)) - self._mean
        squared = np.einsum("btd,de,bte->bt", away, self._precision, away)
        return np.sqrt(np.maximum(squared, 0) / away.shape[-1])


class NeighbourNovelty:
    """Mean distance of a frame's features from the nearest ones of possible clips.

    Args:
        features: Of a single frame.
        clips: Possible clips that say what frames are like.
        seed: Decides which frames are kept if there are more than a few thousand.
    """

    def __init__(
        self, features: Features, clips: UInt8[np.ndarray, "B T H W 3"], seed: int = 0
    ) -> None:
        from scipy.spatial import KDTree

        self._features = features
        rows = _rows(features, clips)
        if len(rows) > BANK:
            rng = np.random.default_rng(seed)
            rows = rows[rng.choice(len(rows), BANK, replace=False)]
        self._count = min(NEIGHBOURS, len(rows))
        self._tree = KDTree(rows)

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`; it has no use for memory."""
        rows = clip_features(self._features, check_clips(clips))
        near, _ = self._tree.query(rows, k=self._count)
        return near.mean(axis=-1) if near.ndim == 3 else near


def _rows(features: Features, clips: np.ndarray) -> Float[np.ndarray, "N D"]:
    rows = clip_features(features, check_clips(clips))
    return rows.reshape(-1, rows.shape[-1])
