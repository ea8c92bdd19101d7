"""Everything that is said of one model on one kind of quadruplet, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from telos.evaluation.statistics import Interval, bootstrap_mean
from telos.evaluation.surprise.contrast import (
    contrast_hits,
    pairwise_hits,
    relative_contrast,
)
from telos.evaluation.surprise.reduction import reduce_trace

EVENT_FRAMES = 4
"""Frames after the outcome is first seen over which the event-locked delta is taken."""


@dataclass(frozen=True, kw_only=True)
class SurpriseScores:
    """What quadruplets say of one model; shares lie in [0, 1], 0.5 is chance."""

    contrast: Interval
    """Share of quadruplets whose contrast is positive, ties half. The headline."""
    relative_contrast: float
    """The size of the effect; see `contrast.relative_contrast`."""
    pairwise: tuple[Interval, Interval]
    """Share of pairs in which the impossible clip surprises more, per direction."""
    auroc_mean: float
    """A single clip judged by its mean surprise, without a clip to compare with."""
    auroc_max: float
    contrast_max: Interval
    """The contrast of largest surprises. Secondary: it is not additive."""
    event_delta: Interval
    """Surprise when the outcome is seen, impossible less possible clips, as a share of
    the mean surprise of possible clips then."""
    count: int
    """Quadruplets."""


def score_quadruplets(
    trace: Float[np.ndarray, "Q 4 T"],
    visible: Int[np.ndarray, " Q"],
    event_frames: int = EVENT_FRAMES,
) -> SurpriseScores:
    """Every measure of a trace of quadruplets (P1, P2, I1, I2).

    Args:
        trace: Surprise of every frame, NaN where nothing was predicted.
        visible: First frame on which the outcome shows.
        event_frames: Frames from there on that the event-locked delta looks at.

    Raises:
        ValueError: If shapes do not fit, or a clip has no predicted frame.
    """
    mean, largest = reduce_trace(trace), reduce_trace(trace, "max")
    pairs = pairwise_hits(mean)
    return SurpriseScores(
        contrast=_over_quadruplets(contrast_hits(mean)),
        relative_contrast=relative_contrast(mean),
        pairwise=(_over_quadruplets(pairs[:, 0]), _over_quadruplets(pairs[:, 1])),
        auroc_mean=auroc(mean[:, :2].ravel(), mean[:, 2:].ravel()),
        auroc_max=auroc(largest[:, :2].ravel(), largest[:, 2:].ravel()),
        contrast_max=_over_quadruplets(contrast_hits(largest)),
        event_delta=_over_quadruplets(event_deltas(trace, visible, event_frames)),
        count=len(trace),
    )


def auroc(
    possible: Float[np.ndarray, " P"], impossible: Float[np.ndarray, " I"]
) -> float:
    """Chance that an impossible clip surprises more than a possible one, ties half.

    Source: Mann and Whitney 1947; equal to the area under the ROC curve.

    Raises:
        ValueError: If there are no clips of one kind.
    """
    if not len(possible) or not len(impossible):
        raise ValueError(
            f"{len(possible)} possible and {len(impossible)} impossible clips: "
            "expected at least one of both"
        )
    ranks = stats.rankdata(np.concatenate([possible, impossible]))
    smallest = len(impossible) * (len(impossible) + 1) / 2
    above = ranks[len(possible) :].sum() - smallest
    return float(above / (len(possible) * len(impossible)))


def event_deltas(
    trace: Float[np.ndarray, "Q 4 T"], visible: Int[np.ndarray, " Q"], frames: int
) -> Float[np.ndarray, " Q"]:
    """Surprise at the event, impossible less possible, over that of the possible.

    Both impossible clips are set against both possible ones in the same frames, so that
    it does not matter which is matched with which. 0 where nothing surprises at all.

    Raises:
        ValueError: If the outcome shows outside of the clip, or is not predicted.
    """
    if len(visible) != len(trace) or not (visible < trace.shape[-1]).all():
        raise ValueError(
            f"outcomes show at frames {np.asarray(visible).tolist()[:4]}... of clips "
            f"{trace.shape}: expected one frame inside of each"
        )
    rows = []
    for members, start in zip(trace, visible, strict=True):
        seen = reduce_trace(members[:, start : start + frames])
        scale = seen[:2].sum()
        difference = seen[2:].sum() - scale
        rows.append(difference / scale if scale else math.copysign(0.0, difference))
    return np.array(rows)


def hedges_g(trained: Sequence[float], untrained: Sequence[float]) -> float:
    """How many standard deviations trained models lie above untrained ones.

    Args:
        trained: A score per trained model, one or more.
        untrained: The same score of untrained networks, five seeds or more.

    Raises:
        ValueError: With fewer than two untrained models: they then have no spread.

    Source: Hedges 1981, "Distribution theory for Glass's estimator of effect size".
    """
    first, second = np.asarray(trained, float), np.asarray(untrained, float)
    if len(first) < 1 or len(second) < 2:
        raise ValueError(
            f"{len(first)} trained and {len(second)} untrained models: expected at "
            "least 1 and 2"
        )
    freedom = len(first) + len(second) - 2
    within = sum(float(np.square(part - part.mean()).sum()) for part in (first, second))
    difference = float(first.mean() - second.mean())
    spread = math.sqrt(within / freedom)
    if spread == 0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / spread * (1 - 3 / (4 * freedom - 1))


def _over_quadruplets(values: Float[np.ndarray, " Q"]) -> Interval:
    return bootstrap_mean(values.tolist(), over="quadruplets")
