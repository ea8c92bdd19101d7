"""The statistics of the project: rates with intervals, means with intervals.

A rate without its count and its interval is not a result: 20 of 20 successes still
allow a true rate of 84 %. Every number that telos prints goes through this module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
"""Confidence of every interval unless a caller says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """k of n, with an interval of its true rate."""

    k: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The observed rate in [0, 1]."""
        return self.k / self.n

    def __str__(self) -> str:
        percent = 100 * self.value
        return (
            f"{self.k}/{self.n} = {percent:.1f} % "
            f"[{100 * self.low:.1f}, {100 * self.high:.1f}]"
        )


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with an interval, and what the interval is over."""

    mean: float
    low: float
    high: float
    n: int
    over: str
    """What varies: ``seeds``, ``episodes``; an interval means nothing without it."""

    def __str__(self) -> str:
        return (
            f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}] "
            f"over {self.n} {self.over}"
        )


def wilson(k: int, n: int, confidence: float = CONFIDENCE) -> Rate:
    """Score interval of a rate; unlike the normal one it is sound at 0 and at n.

    Args:
        k: Number of successes.
        n: Number of trials.
        confidence: Two-sided coverage, in (0, 1).

    Raises:
        ValueError: If not 0 <= k <= n with n >= 1.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical
    inference".
    """
    _check_counts(k, n)
    z = float(stats.norm.ppf(0.5 + _check_confidence(confidence) / 2))
    share, scale = k / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the interval touches 0 or 1 exactly; rounding must not cross them.
    low = 0.0 if k == 0 else max(0.0, centre - half)
    high = 1.0 if k == n else min(1.0, centre + half)
    return Rate(k=k, n=n, low=low, high=high)


def clopper_pearson_upper(k: int, n: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound of a rate of rare events; exact, never too small.

    With no event in n trials it is ``1 - (1 - confidence)^(1/n)``, about 3/n.

    Source: Clopper and Pearson 1934, "The use of confidence or fiducial limits".
    """
    _check_counts(k, n)
    if k == n:
        return 1.0
    return float(stats.beta.ppf(_check_confidence(confidence), k + 1, n - k))


def t_interval(
    values: Sequence[float], confidence: float = CONFIDENCE, over: str = "seeds"
) -> Interval:
    """Mean of a few independent runs with Student's t interval.

    Raises:
        ValueError: With fewer than two values: one run has no spread.
    """
    sample = _finite(values)
    if len(sample) < 2:
        raise ValueError(
            f"a t interval needs at least 2 values, got {len(sample)}: "
            "run more seeds or report the single value as what it is"
        )
    quantile = stats.t.ppf(0.5 + _check_confidence(confidence) / 2, len(sample) - 1)
    half = float(quantile * sample.std(ddof=1) / math.sqrt(len(sample)))
    mean = float(sample.mean())
    return Interval(
        mean=mean, low=mean - half, high=mean + half, n=len(sample), over=over
    )


def bootstrap_mean(
    values: Sequence[float],
    confidence: float = CONFIDENCE,
    over: str = "episodes",
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Mean of many values of unknown shape with a percentile bootstrap interval.

    Source: Efron 1979, "Bootstrap methods: another look at the jackknife".
    """
    sample = _finite(values)
    if len(sample) == 0:
        raise ValueError("a bootstrap interval needs at least 1 value, got none")
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(sample), (resamples, len(sample)))
    tail = (1 - _check_confidence(confidence)) / 2
    low, high = np.quantile(sample[draws].mean(1), [tail, 1 - tail])
    return Interval(
        mean=float(sample.mean()),
        low=float(low),
        high=float(high),
        n=len(sample),
        over=over,
    )


@dataclass(frozen=True, kw_only=True)
class Drop:
    """What a change costs on the same episodes."""

    difference: float
    """Success rate before the change minus after it; above 0, the change costs."""
    low: float
    high: float
    p: float
    """Chance of so uneven a split of the episodes that changed, were both alike."""
    n: int

    def __str__(self) -> str:
        return (
            f"{100 * self.difference:.1f} points "
            f"[{100 * self.low:.1f}, {100 * self.high:.1f}], p = {self.p:.2g}"
        )


def paired_drop(
    before: Sequence[bool], after: Sequence[bool], confidence: float = CONFIDENCE
) -> Drop:
    """Compare two rates on the same episodes, which tells more than two intervals do.

    Args:
        before: Success of each episode.
        after: Success of the same episodes under a change.
        confidence: Two-sided coverage of the interval.

    Raises:
        ValueError: If there are no episodes, or not as many of both.

    Source: Newcombe 1998, "Improved confidence intervals for the difference between
    binomial proportions based on paired data", method 10; McNemar 1947 for p, exact.
    """
    if len(before) != len(after) or not len(before):
        raise ValueError(
            f"{len(before)} and {len(after)} episodes cannot be paired; expected as "
            "many of both, at least 1"
        )
    first, second = np.asarray(before, bool), np.asarray(after, bool)
    n, lost, won = (
        len(first),
        int((first & ~second).sum()),
        int((~first & second).sum()),
    )
    old = wilson(int(first.sum()), n, confidence)
    new = wilson(int(second.sum()), n, confidence)
    alike = _alikeness(int((first & second).sum()), lost, won, n)
    down, up = old.value - old.low, new.high - new.value
    below = math.sqrt(max(down**2 - 2 * alike * down * up + up**2, 0.0))
    down, up = new.value - new.low, old.high - old.value
    above = math.sqrt(max(down**2 - 2 * alike * down * up + up**2, 0.0))
    difference = old.value - new.value
    return Drop(
        difference=difference,
        low=difference - below,
        high=difference + above,
        p=float(stats.binomtest(lost, lost + won).pvalue) if lost + won else 1.0,
        n=n,
    )


def _alikeness(both: int, lost: int, won: int, n: int) -> float:
    """Correlation of two paired outcomes, with Newcombe's correction for continuity."""
    neither = n - both - lost - won
    margins = (both + lost) * (won + neither) * (both + won) * (lost + neither)
    if margins == 0:
        return 0.0
    surplus = both * neither - lost * won
    if surplus > 0:
        surplus = max(surplus - n / 2, 0.0)
    return surplus / math.sqrt(margins)


def holm(values: Sequence[float]) -> list[float]:
    """p values corrected for having asked several questions, in the same order.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    corrected, largest = [0.0] * len(values), 0.0
    order = sorted(range(len(values)), key=values.__getitem__)
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = largest
    return corrected


def _check_counts(k: int, n: int) -> None:
    if n < 1 or not 0 <= k <= n:
        raise ValueError(f"a rate needs 0 <= k <= n and n >= 1, got k={k}, n={n}")


def _check_confidence(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    return confidence


def _finite(values: Sequence[float]) -> np.ndarray:
    sample = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(sample).all():
        raise ValueError("values hold NaN or infinity: drop or explain them first")
    return sample
