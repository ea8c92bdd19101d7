"""By how many rows actions stand beside the frames that they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from telos.data.checks.inverse import (
    CONFIDENCE,
    SHIFTS,
    Estimate,
    estimate,
    fits_of,
    resampled,
)
from telos.data.checks.motion import Features

SURE = 0.02
"""Share by which the best shift must beat every other."""
NEEDED = 0.05
"""Share that the row before the motion must add to the row after it."""
VISIBLE = 0.02
"""Share of what is new in actions that frames must tell to count as seen."""


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """What one stream says about the row in which actions stand."""

    name: str
    shifts: tuple[int, ...]
    """Shifts that explain it: one, or two where a policy that reacts looks the same;
    empty if nothing can be told."""
    gain: Sequence[Estimate]
    """For each of `SHIFTS`, the share of what is new in the action that the motion
    tells."""
    r2: Sequence[Estimate]
    """For each of `SHIFTS`, the variance of actions explained by frames alone."""
    shuffled: float
    """Largest explained variance of actions that were permuted over rows."""
    rows: int
    clips: int

    @property
    def shift(self) -> int | None:
        """The shift that repairs the recording; None if unknown or ambiguous."""
        return self.shifts[0] if len(self.shifts) == 1 else None


def align(features: Features, seed: int = 0) -> Alignment | None:
    """Estimate by how many rows actions stand beside the frames they leave.

    Args:
        features: Of states or frames.
        seed: Decides folds and resamples.

    Returns:
        None if there are too few rows, or actions or frames never change.
    """
    actions = features.clips.actions
    fits = fits_of(features, actions, seed)
    if fits is None:
        return None
    found = fits.errors()
    shares = resampled(found, seed)
    gain, draws = shares["gain"]
    need, need_draws = shares["need"]
    return Alignment(
        name=features.name,
        shifts=_decide(gain, draws, need, need_draws),
        gain=_estimates(gain, draws),
        r2=_estimates(*shares["r2"]),
        shuffled=_shuffled(features, actions, seed),
        rows=len(fits.rows),
        clips=len(found.total),
    )


def _estimates(values: np.ndarray, draws: np.ndarray) -> list[Estimate]:
    return [estimate(v, d) for v, d in zip(values, draws.T, strict=True)]


def _decide(
    gain: np.ndarray, draws: np.ndarray, need: np.ndarray, need_draws: np.ndarray
) -> tuple[int, ...]:
    """Shifts that the errors allow; none unless one beats every other for sure."""
    best = int(gain.argmax())
    others = np.delete(np.arange(len(SHIFTS)), best)
    lead = draws[:, [best]] - draws[:, others]
    sure = np.quantile(lead, 1 - CONFIDENCE, axis=0).min() > SURE
    if not sure or np.quantile(draws[:, best], 1 - CONFIDENCE) < VISIBLE:
        return ()
    shift = SHIFTS[best]
    caused = np.quantile(need_draws[:, best], 1 - CONFIDENCE) > NEEDED
    # Without need of the row before, the action may be an answer to the row after.
    return (shift,) if caused else (shift, shift - 1)


def _shuffled(features: Features, actions: np.ndarray, seed: int) -> float:
    """Explained variance by frames of actions that have lost their rows."""
    rng = np.random.default_rng(seed)
    finite = np.flatnonzero(np.isfinite(actions).all(axis=1))
    mixed = actions.copy()
    mixed[finite] = actions[rng.permutation(finite)]
    fits = fits_of(features, mixed, seed)
    return 0.0 if fits is None else float(fits.explained().max())
