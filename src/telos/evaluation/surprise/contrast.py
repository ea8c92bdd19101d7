"""Contrast: is the *combination* surprising, or only one of its halves?

Let A be what the first half of a clip shows and B what its second half shows. Possible
are P1 = (a0, b0) and P2 = (a1, b1), impossible I1 = (a0, b1) and I2 = (a1, b0). With S
the mean surprise of a clip, the contrast C = S(I1) + S(I2) - S(P1) - S(P2) is 0 for
every surprise f(A) + g(B): whatever one frame shows, how much a thing that appears
surprises, how bright the second half is. Comparing a possible with an impossible clip
in pairs does not cancel g(B).

Members stand in the order P1, P2, I1, I2 everywhere.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

TOLERANCE = 1e-6
"""Share of the surprise of the possible clips under which a difference is a tie."""


def contrast(clip: Float[np.ndarray, "Q 4"]) -> Float[np.ndarray, " Q"]:
    """S(I1) + S(I2) - S(P1) - S(P2) of each quadruplet."""
    _check(clip)
    return (clip[:, 2] + clip[:, 3]) - (clip[:, 0] + clip[:, 1])


def contrast_hits(
    clip: Float[np.ndarray, "Q 4"], tolerance: float = TOLERANCE
) -> Float[np.ndarray, " Q"]:
    """1 where the impossible clips surprise more, 0 where less, 1/2 where as much."""
    size = np.abs(clip).sum(axis=1) / 2
    return hits(contrast(clip), size, tolerance)


def relative_contrast(clip: Float[np.ndarray, "Q 4"]) -> float:
    """Sum of contrasts over the sum of S(P1) + S(P2): the size of the effect.

    Print it beside every accuracy: an untrained network may be far from 50 % at a
    relative contrast of 1e-5. NaN if the possible clips surprise by nothing at all.
    """
    possible = float(clip[:, :2].sum())
    return float(contrast(clip).sum()) / possible if possible else float("nan")


def pairwise_hits(
    clip: Float[np.ndarray, "Q 4"], tolerance: float = TOLERANCE
) -> Float[np.ndarray, "Q 2"]:
    """Whether the impossible clip of a pair surprises more, in both directions.

    The clips of a pair begin alike: (P1, I1) ends with b0 or b1, (P2, I2) with b1 or
    b0. A bias towards one of the ends shows as one direction near 1 and one near 0.
    """
    _check(clip)
    size = (np.abs(clip[:, :2]) + np.abs(clip[:, 2:])) / 2
    return hits(clip[:, 2:] - clip[:, :2], size, tolerance)


def hits(
    difference: Float[np.ndarray, "*n"], size: Float[np.ndarray, "*n"], tolerance: float
) -> Float[np.ndarray, "*n"]:
    """1 above the tolerance, 0 below, 1/2 between; relative to the sizes compared."""
    tie = np.abs(difference) <= tolerance * size
    return np.where(tie, 0.5, (difference > 0).astype(np.float64))


def _check(clip: np.ndarray) -> None:
    if clip.ndim != 2 or clip.shape[1] != 4 or not len(clip):
        raise ValueError(
            f"surprise of quadruplets is {clip.shape}: expected (Q, 4) with Q >= 1, in "
            "the order P1, P2, I1, I2"
        )
    if not np.isfinite(clip).all():
        raise ValueError("surprise of quadruplets holds NaN or infinity")
