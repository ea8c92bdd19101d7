"""Inverse dynamics by ridge regression, and which row's action a motion belongs to.

For a shift k, three fits predict the action that is stored k rows after the motion from
row t to t+1. All know the two stored actions before it.

* *past* knows what was there before: row t, and the motion that led to it;
* *new* knows row t+1 alone;
* *both* knows the past and the motion.

What an action does shows in the motion first: for the right k, *both* explains far more
than *past*. The action that comes next may follow from row t+1, since whoever acts sees
it; but then *new* explains it as well as *both* does. Fits are made on some episodes and
judged on others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from telos.data.checks.motion import Features

SHIFTS = tuple(range(-3, 4))
"""Rows that actions may stand beside their motion."""
BEFORE = 2
"""Stored actions before the one in question that are known to every fit."""
FOLDS = 4
RIDGES = (1e-6, 1e-4, 1e-2, 1e-1, 1.0, 10.0)
"""Ridge penalties per row, of which each fit takes the best."""
FEWEST_ROWS = 120
"""Rows below which nothing is fitted."""
FLOOR = 1e-6
"""Share of the variance of actions below which an error is rounding."""
DRAWS = 1000
"""Resamples of the clips for intervals."""
CONFIDENCE = 0.99
"""Of every comparison between shifts: six are made at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Errors:
    """Squared errors on held-out episodes, for C clips and the seven shifts."""

    total: np.ndarray
    """(C, 7) around the mean action."""
    past: np.ndarray
    new: np.ndarray
    both: np.ndarray
    seen: np.ndarray
    """As ``both``, without stored actions: what frames alone say."""
    rows: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval over clips."""

    value: float
    low: float
    high: float


def errors(
    features: Features, actions: np.ndarray, seed: int, shifts: Sequence[int] = SHIFTS
) -> Errors | None:
    """Fit every shift on some episodes and judge it on the others.

    Args:
        features: Of N rows.
        actions: (N, A) stored actions; a row that is not finite is left out.
        seed: Decides which episodes are fitted together.
        shifts: Shifts to try.

    Returns:
        None if there are too few rows, or actions never change.
    """
    clips = features.clips
    rows = _rows(clips.starts, clips.places.lengths)
    needed = np.arange(min(shifts) - BEFORE, max(shifts) + 1)
    finite = np.isfinite(actions).all(axis=1)
    rows = rows[finite[rows[:, None] + needed].all(axis=1)] if len(rows) else rows
    if len(rows) < FEWEST_ROWS:
        return None
    varies = np.ptp(actions[rows], axis=0) > 0
    if not varies.any():
        return None
    scaled = actions[:, varies].astype(np.float64)
    scaled = (scaled - scaled[rows].mean(axis=0)) / scaled[rows].std(axis=0)
    folds = _folds(
        clips.places.episodes[clips.clip_of[rows]], clips.clip_of[rows], seed
    )
    if folds is None:
        return None
    clip = clips.clip_of[rows]
    blocks = _blocks(features, rows)
    parts = [_shift_errors(blocks, scaled, rows, k, folds, clip) for k in shifts]
    used = np.unique(clip)
    stacked = np.stack(parts, axis=-1)[:, used]  # (5, C, 7)
    total, past, new, both, seen = stacked
    return Errors(total=total, past=past, new=new, both=both, seen=seen, rows=len(rows))


def resampled(errors: Errors, seed: int) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    """Shares for the sample and for resamples of its clips.

    Returns:
        ``gain``: share of what the past leaves unknown that the motion tells;
        ``need``: share of what the new row leaves unknown that the past and the motion
        tell; ``r2``: explained variance by frames alone. Each as (7,) and (DRAWS, 7).
    """
    rng = np.random.default_rng(seed)
    clips = len(errors.total)
    weights = rng.multinomial(clips, np.full(clips, 1 / clips), DRAWS).astype(float)
    weights = np.concatenate([np.ones((1, clips)), weights])
    total, past, new, both, seen = (
        weights @ part
        for part in (errors.total, errors.past, errors.new, errors.both, errors.seen)
    )
    floor = FLOOR * total + 1e-300
    shares = {
        "gain": (past - both) / (past + floor),
        "need": (new - both) / (new + floor),
        "r2": 1 - seen / (total + 1e-300),
    }
    return {name: (values[0], values[1:]) for name, values in shares.items()}


def estimate(value: float, draws: np.ndarray, confidence: float = 0.95) -> Estimate:
    """A number and its percentile interval."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(value=float(value), low=float(low), high=float(high))


def _rows(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Rows t with enough of the clip before and after for every shift."""
    before = max(-min(SHIFTS) + BEFORE, 1)
    after = max(max(SHIFTS), 1)
    parts = [
        np.arange(start + before, start + length - after)
        for start, length in zip(starts, lengths, strict=True)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _folds(episodes: np.ndarray, clips: np.ndarray, seed: int) -> np.ndarray | None:
    """(R,) fold of each row: by episode where there are enough, else by clip."""
    groups = episodes if len(np.unique(episodes)) >= FOLDS else clips
    names, index = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return None
    order = np.random.default_rng(seed).permutation(len(names))
    return order[index] % min(FOLDS, len(names))


def _blocks(features: Features, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs of the three fits that do not depend on the shift."""
    now, step = _standardised(features.now), _standardised(features.step)
    past = np.concatenate([now[rows], step[rows - 1]], axis=1)
    both = np.concatenate([past, step[rows]], axis=1)
    return {"past": past, "new": now[rows + 1], "both": both}


def _standardised(values: np.ndarray) -> np.ndarray:
    """Zero mean and unit deviation; what never changes becomes 0."""
    deviation = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def _shift_errors(
    blocks: Mapping[str, np.ndarray],
    actions: np.ndarray,
    rows: np.ndarray,
    shift: int,
    folds: np.ndarray,
    clip: np.ndarray,
) -> np.ndarray:
    """(5, C) squared errors per clip: total, past, new, both, seen."""
    target = actions[rows + shift]
    known = np.concatenate([actions[rows + shift - b - 1] for b in range(BEFORE)], 1)
    inputs = [np.concatenate([blocks[n], known], 1) for n in ("past", "new", "both")]
    losses = [_held_out(None, target, folds)]
    losses += [_held_out(x, target, folds) for x in (*inputs, blocks["both"])]
    size = int(clip.max()) + 1
    return np.stack([np.bincount(clip, loss, minlength=size) for loss in losses])


def _held_out(
    inputs: np.ndarray | None, targets: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """(R,) squared error of each row under the fit on the other folds."""
    losses = np.zeros((len(RIDGES), len(targets)))
    for fold in np.unique(folds):
        held = folds == fold
        mean = targets[~held].mean(axis=0)
        if inputs is None:
            losses[:, held] = ((targets[held] - mean) ** 2).sum(axis=1)
            continue
        for at, guess in enumerate(
            _ridge_path(inputs[~held], targets[~held] - mean, inputs[held])
        ):
            losses[at, held] = ((targets[held] - mean - guess) ** 2).sum(axis=1)
    return losses[losses.sum(axis=1).argmin()]


def _ridge_path(
    inputs: np.ndarray, targets: np.ndarray, asked: np.ndarray
) -> list[np.ndarray]:
    """Predictions under every penalty, from one eigendecomposition."""
    centre = inputs.mean(axis=0)
    inputs, asked = inputs - centre, asked - centre
    values, axes = np.linalg.eigh(inputs.T @ inputs)
    turned, aim = asked @ axes, axes.T @ (inputs.T @ targets)
    values = np.maximum(values, 0)[:, None]
    return [turned @ (aim / (values + ridge * len(inputs))) for ridge in RIDGES]
