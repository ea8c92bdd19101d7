"""How large a guardrail's buffer must be for predictions that err.

Collect the scores with the planner as it will be deployed. A planner picks candidates
whose predicted margin is too good (the optimiser's curse): scores from recorded
behaviour cover its plans far less often than they say. Since the buffer changes the
plans, repeat two or three times, keep the largest buffer, and check it on fresh plans.

Source: Vovk et al. 2005 (split conformal prediction).
"""

from __future__ import annotations

import hashlib
import math
import warnings
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A buffer and what it is worth."""

    buffer: float
    """Subtract from predicted margins; their unit."""
    alpha: float
    """Share of exchangeable plans whose true margin may still be overstated."""
    num_plans: int
    """Executed plans that were scored."""
    planner: str
    """Name of the planner that made them."""
    evaluations: int
    """Model evaluations that it spent on a plan."""
    digest: str
    """SHA-256 of the scores."""

    def check(self, planner: str, evaluations: int) -> None:
        """Warn if a plan comes from another planner, or from more search."""
        if planner != self.planner:
            warnings.warn(
                f"the guardrail buffer was calibrated for the planner "
                f"{self.planner!r}, but {planner!r} plans; it finds other errors of "
                "the model. Calibrate again with this planner.",
                stacklevel=2,
            )
        elif evaluations > self.evaluations:
            warnings.warn(
                f"the guardrail buffer was calibrated at {self.evaluations} model "
                f"evaluations a plan, but {evaluations} were spent; more search finds "
                "more of the model's errors. Calibrate again at this budget.",
                stacklevel=2,
            )


def calibrate(
    predicted_margins: np.ndarray,
    true_margins: np.ndarray,
    alpha: float,
    *,
    planner: str,
    evaluations: int,
) -> Calibration:
    """Score executed plans and record the buffer with its origin.

    Args:
        predicted_margins: (n,) smallest predicted margin of each plan, no buffer.
        true_margins: (n,) smallest true margin while it was executed.
        alpha: Tolerated miss rate, in (0, 1).
        planner: Name of the planner that made the plans.
        evaluations: Model evaluations that it spent on a plan.
    """
    buffer = conformal_buffer(predicted_margins, true_margins, alpha)
    scores = np.asarray(predicted_margins, float) - np.asarray(true_margins, float)
    return Calibration(
        buffer=buffer,
        alpha=alpha,
        num_plans=len(scores),
        planner=planner,
        evaluations=evaluations,
        digest=hashlib.sha256(scores.tobytes()).hexdigest(),
    )


def conformal_buffer(
    predicted_margins: np.ndarray, true_margins: np.ndarray, alpha: float
) -> float:
    """Finite-sample quantile of how much predicted margins overstate true ones.

    Of n scores (predicted less true), the ceil((n + 1)(1 - alpha))-th smallest. The
    next exchangeable plan exceeds it with probability at most alpha.

    Args:
        predicted_margins: (n,) smallest predicted margin of each plan.
        true_margins: (n,) smallest true margin of the same plan.
        alpha: Tolerated miss rate, in (0, 1).

    Returns:
        The buffer, never negative: a pessimistic model earns no discount.

    Raises:
        ValueError: If shapes differ, a margin is not finite, or n is below
            1 / alpha - 1, where no finite buffer has this coverage.
    """
    scores = _scores(predicted_margins, true_margins)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; expected a share between 0 and 1.")
    # Rounding up must not be decided by the last bit: 100 * 0.99 is exact 99.
    rank = math.ceil(round((len(scores) + 1) * (1 - alpha), 9))
    if rank > len(scores):
        needed = math.ceil(round(1 / alpha, 9)) - 1
        raise ValueError(
            f"{len(scores)} plans cannot show a miss rate of {alpha}; score at least "
            f"{needed}, or allow a larger alpha."
        )
    return max(0.0, float(np.sort(scores)[rank - 1]))


def _scores(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    predicted, true = np.asarray(predicted, float), np.asarray(true, float)
    if predicted.ndim != 1 or predicted.shape != true.shape:
        raise ValueError(
            f"predicted margins {predicted.shape} and true margins {true.shape}; "
            "expected two vectors of the same length."
        )
    scores = predicted - true
    if not np.isfinite(scores).all():
        raise ValueError("a margin is not finite; score finished plans only.")
    return scores
