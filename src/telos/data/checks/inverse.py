"""Inverse dynamics by ridge regression, and which row's action a motion belongs to.

For a shift k, three fits predict the action that is stored k rows after the motion from
row t to t+1. All know the two stored actions before it.

* *past* knows what was there before: row t, and the motion that led to it;
* *new* knows row t+1 alone;
* *both* knows the past and the motion.

What an action does shows in the motion first: for the right k, *both* explains far more
than *past*. The action that comes next may follow from row t+1, since whoever acts sees
it; but then *new* explains it as well as *both* does. Fits are made on some episodes
and judged on others.
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
TAIL = 0.1
"""Share of values on either side beyond which the usual range of a column ends."""
OUTLIER = 1.5
"""Usual ranges from the median beyond which a value is cut."""
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


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval over clips."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Fits:
    """The fits of one stream to A actions, on R rows."""

    views: Sequence[tuple[np.ndarray, np.ndarray]]
    """What stands where (N, P) and what changes to the next row (N, Q), standardised,
    in the ways that are tried: the columns that say most and all of them, with outliers
    and without."""
    actions: np.ndarray
    """(N, A), standardised."""
    rows: np.ndarray
    """(R,) rows t that are fitted."""
    folds: np.ndarray
    """(R,) which rows are held out together."""
    clip: np.ndarray
    """(R,) clip of each row."""

    def errors(self) -> Errors:
        """Held-out squared errors of every fit and shift."""
        past, new, both = [], [], []
        for at, shift in enumerate(SHIFTS):
            known, target = self._known(shift), self._targets()[:, [at]]
            past.append(self._best([[*x, known] for x in self._past()], target))
            new.append(self._best([[*x, known] for x in self._new()], target))
            both.append(self._best([[*x, known] for x in self._both()], target))
        return Errors(
            total=self._per_clip(_around_mean(self._targets(), self.folds)),
            past=self._per_clip(np.concatenate(past, axis=1)),
            new=self._per_clip(np.concatenate(new, axis=1)),
            both=self._per_clip(np.concatenate(both, axis=1)),
            seen=self._per_clip(self._best(self._both(), self._targets())),
        )

    def explained(self) -> np.ndarray:
        """(7,) share of the variance of actions that frames alone explain."""
        total = _around_mean(self._targets(), self.folds).sum(axis=0)
        return 1 - self._best(self._both(), self._targets()).sum(axis=0) / total

    def _targets(self) -> np.ndarray:
        """(R, 7, A) the action that is stored so many rows after the motion."""
        return np.stack([self.actions[self.rows + k] for k in SHIFTS], axis=1)

    def _known(self, shift: int) -> np.ndarray:
        """(R, BEFORE * A) stored actions before the one in question."""
        before = [self.actions[self.rows + shift - b - 1] for b in range(BEFORE)]
        return np.concatenate(before, axis=1)

    def _past(self) -> list[list[np.ndarray]]:
        return [[now[self.rows], step[self.rows - 1]] for now, step in self.views]

    def _new(self) -> list[list[np.ndarray]]:
        return [[now[self.rows + 1]] for now, _ in self.views]

    def _both(self) -> list[list[np.ndarray]]:
        return [
            [*past, step[self.rows]]
            for past, (_, step) in zip(self._past(), self.views, strict=True)
        ]

    def _best(
        self, inputs: Sequence[Sequence[np.ndarray]], targets: np.ndarray
    ) -> np.ndarray:
        """(R, G) errors under the inputs and the penalty that predict best."""
        found = [
            held_out(np.concatenate(parts, axis=1), targets, self.folds)
            for parts in inputs
        ]
        losses = np.concatenate(found)  # (V, R, G)
        best = losses.sum(axis=1).argmin(axis=0)
        return losses[best, :, np.arange(losses.shape[2])].T

    def _per_clip(self, losses: np.ndarray) -> np.ndarray:
        """(C, G) sums over the rows of each clip that has any."""
        names, index = np.unique(self.clip, return_inverse=True)
        out = np.zeros((len(names), losses.shape[1]))
        np.add.at(out, index, losses)
        return out


def fits_of(features: Features, actions: np.ndarray, seed: int) -> Fits | None:
    """Choose rows and folds.

    Args:
        features: Of N rows.
        actions: (N, A) stored actions; windows with one that is not finite are left
            out.
        seed: Decides which episodes are held out together.

    Returns:
        None if there are too few rows or episodes, or actions never change.
    """
    clips = features.clips
    rows = _rows(clips.starts, clips.places.lengths)
    finite = np.array(np.isfinite(actions).all(axis=1))
    needed = np.arange(min(SHIFTS) - BEFORE, max(SHIFTS) + 1)
    rows = rows[finite[rows[:, None] + needed].all(axis=1)]
    if len(rows) < FEWEST_ROWS:
        return None
    varies = np.ptp(actions[rows], axis=0) > 0
    clip = clips.clip_of[rows]
    folds = _folds(clips.places.episodes[clip], clip, seed)
    if folds is None or not varies.any():
        return None
    scaled = actions[:, varies].astype(np.float64)
    return Fits(
        views=_views(features),
        actions=(scaled - scaled[rows].mean(axis=0)) / scaled[rows].std(axis=0),
        rows=rows,
        folds=folds,
        clip=clip,
    )


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
    return np.concatenate(parts)


def _folds(episodes: np.ndarray, clips: np.ndarray, seed: int) -> np.ndarray | None:
    """(R,) fold of each row: by episode where there are enough, else by clip."""
    groups = episodes if len(np.unique(episodes)) >= FOLDS else clips
    names, index = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return None
    order = np.random.default_rng(seed).permutation(len(names))
    return order[index] % min(FOLDS, len(names))


def _views(features: Features) -> list[tuple[np.ndarray, np.ndarray]]:
    """Columns that say most, and all; as they are, and with outliers cut.

    A jump at a wall is many times as large as what an action does, and rules a fit by
    least squares; in a recording that mostly rests, what lies far out is the motion.
    """
    whole = (features.now.shape[1], features.step.shape[1])
    both = ((features.now, features.step), (_cut(features.now), _cut(features.step)))
    return [
        (_standardised(now[:, :p]), _standardised(step[:, :q]))
        for now, step in both
        for p, q in dict.fromkeys([features.core, whole])
    ]


def _cut(values: np.ndarray) -> np.ndarray:
    """Columns without what lies far outside their usual range."""
    low, middle, high = np.quantile(values, [TAIL, 0.5, 1 - TAIL], axis=0)
    reach = np.where(high > low, OUTLIER * (high - low), np.ptp(values, axis=0))
    return np.clip(values, middle - reach, middle + reach)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Zero mean and unit deviation; what never changes becomes 0."""
    deviation = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def _around_mean(targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(R, G) squared distance of (R, G, A) targets to their mean in other folds."""
    losses = np.zeros(targets.shape[:2])
    for fold in np.unique(folds):
        held = folds == fold
        mean = targets[~held].mean(axis=0)
        losses[held] = ((targets[held] - mean) ** 2).sum(axis=2)
    return losses


def held_out(inputs: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(V, R, G) squared errors on each row of fits on the other folds.

    V are the penalties. One eigendecomposition per fold serves all of them and all
    targets (R, G, A), and what the folds share is summed up once.
    """
    rows, groups, dims = targets.shape
    x = np.concatenate([inputs, np.ones((rows, 1))], axis=1)
    y = targets.reshape(rows, -1)
    parts = [folds == fold for fold in np.unique(folds)]
    grams = [x[part].T @ x[part] for part in parts]
    aims = [x[part].T @ y[part] for part in parts]
    losses = np.zeros((len(RIDGES), rows, groups))
    for part, gram, aim in zip(parts, grams, aims, strict=True):
        values, axes = np.linalg.eigh(sum(grams) - gram)
        values = np.maximum(values, 0)[:, None]
        turned, inner = x[part] @ axes, axes.T @ (sum(aims) - aim)
        for at, ridge in enumerate(RIDGES):
            penalty = ridge * (rows - part.sum())
            off = y[part] - turned @ (inner / (values + penalty))
            losses[at, part] = (off**2).reshape(-1, groups, dims).sum(axis=2)
    return losses
