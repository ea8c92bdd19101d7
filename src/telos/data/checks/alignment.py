"""Which row's action leaves a frame, and whether actions do anything that is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from telos.data.checks.finding import Curve, Finding, Level, Lines, share
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


def check_alignment(sources: Sequence[Features], seed: int = 0) -> Iterator[Finding]:
    """Findings of every stream, whether they agree, and whether actions show at all.

    Args:
        sources: Features of the states, labels and image streams.
        seed: Decides folds and resamples.
    """
    known = [(f.name, align(f, seed)) for f in sources]
    found = [a for _, a in known if a is not None]
    silent = [name for name, a in known if a is None]
    if not found:
        yield _unknown(silent)
        return
    for alignment in found:
        yield _shift_finding(alignment)
    yield from _disagreement(found)
    yield _effect(found)


def _unknown(silent: Sequence[str]) -> Finding:
    told = f" ({', '.join(silent)})" if silent else ""
    return Finding(
        family="alignment",
        check="alignment",
        level="ok",
        text="cannot be told: too few steps, or nothing that changes" + told,
    )


def _shift_finding(found: Alignment) -> Finding:
    level, text, means, remedy = _verdict(found)
    best = max(range(len(SHIFTS)), key=lambda at: found.gain[at].value)
    return Finding(
        family="alignment",
        check=f"alignment by {found.name}",
        level=level,
        text=text,
        value=None if found.shift is None else float(found.shift),
        unit="rows late",
        means=means,
        remedy=remedy,
        numbers={
            "shifts": list(SHIFTS),
            "consistent": list(found.shifts),
            "gain": list(found.gain),
            "r2": list(found.r2),
            "shuffled": found.shuffled,
            "best": SHIFTS[best],
            "rows": found.rows,
            "clips": found.clips,
        },
        charts=(_chart(found),),
    )


def _verdict(found: Alignment) -> tuple[Level, str, str, str]:
    """Level, text, meaning and remedy."""
    at = SHIFTS.index
    told = f"over {found.clips} clips, {found.rows:,} steps"
    if not found.shifts:
        text = (
            f"cannot be told: no row's action fits the motion clearly better ({told})"
        )
        return "ok", text, "", ""
    best = found.gain[at(found.shifts[0])]
    fit = (
        f"its motion tells {_interval(best)} of what is new in that row's action, "
        f"{_interval(found.gain[at(0)])} of its own row's ({told})"
    )
    if 0 in found.shifts:
        own = f"each action stands in the row that it leaves: {_interval(best)} of what"
        if found.shifts[0] == 0:
            return "ok", f"{own} is new in it shows in the motion ({told})", "", ""
        text = f"actions answer to the frame in their row, as they should ({told})"
        return "ok", text, "", ""
    if min(found.shifts) > 0:
        return _late(found, fit)
    return _early(found, fit)


def _late(found: Alignment, fit: str) -> tuple[Level, str, str, str]:
    """The motion to the next row belongs to a later row's action: impossible."""
    rows = " or ".join(_rows(k) for k in sorted(found.shifts))
    text = f"actions are {rows} late: import with --shift {found.shifts[0]}; {fit}"
    means = (
        "the model learns the effect of each action from the next one's motion; every "
        "plan starts with an action that does something else"
    )
    remedy = f"telos import ... --shift {found.shifts[0]}"
    return "error", text, means, remedy


def _early(found: Alignment, fit: str) -> tuple[Level, str, str, str]:
    """The motion belongs to an earlier row's action: a delay, or a shift."""
    first = found.shifts[0]
    text = f"actions show {_rows(-first)} after their own: {fit}"
    means = (
        "either the recorder stored actions early, or the robot or this camera answers "
        "late; a model that sees one frame cannot know the actions under way"
    )
    remedy = (
        f"stored early: telos import ... --shift {first}; a real delay: train with "
        f"--history {1 - first}"
    )
    return "warning", text, means, remedy


def _rows(count: int) -> str:
    names = {1: "one row", 2: "two rows", 3: "three rows"}
    return names[abs(count)]


def _interval(known: Estimate) -> str:
    low, high = max(known.low, 0.0), max(known.high, 0.0)
    return f"{share(max(known.value, 0.0))} [{100 * low:.0f}, {100 * high:.0f}]"


def _chart(found: Alignment) -> Lines:
    def curve(name: str, known: Sequence[Estimate]) -> Curve:
        return Curve(
            name=name,
            y=[max(e.value, 0.0) for e in known],
            low=[max(e.low, 0.0) for e in known],
            high=[max(e.high, 0.0) for e in known],
        )

    return Lines(
        title=f"Which row's action shows in {found.name}",
        x_name="rows late",
        x=list(SHIFTS),
        curves=(curve("new in it", found.gain), curve("R2", found.r2)),
    )


def _disagreement(found: Sequence[Alignment]) -> Iterator[Finding]:
    """Streams that were recorded at different times: a camera that lags."""
    sure = {a.name: a.shift for a in found if a.shift is not None}
    if len(set(sure.values())) < 2:
        return
    last = min(sure, key=lambda name: sure[name])
    first = max(sure, key=lambda name: sure[name])
    rows = sure[first] - sure[last]
    yield Finding(
        family="alignment",
        check="streams against each other",
        level="error",
        text=f"{last} shows what actions do {_rows(rows) if rows < 4 else rows} later "
        f"than {first}",
        value=float(rows),
        unit="rows",
        means="the model sees two moments at once and takes them for one",
        remedy="shift that stream in the source, by its time stamps where it has some",
        numbers=sure,
    )


def _effect(found: Sequence[Alignment]) -> Finding:
    """Whether any stream shows what actions do, against shuffled actions."""
    best = max(found, key=lambda a: max(e.low for e in a.gain))
    at = max(range(len(SHIFTS)), key=lambda i: best.gain[i].low)
    gain, r2 = best.gain[at], best.r2[at]
    seen = gain.low > VISIBLE
    guessed = r2.low > max(best.shuffled, 0.0) + VISIBLE
    numbers = {
        "stream": best.name,
        "r2": r2,
        "gain": gain,
        "shuffled": best.shuffled,
    }
    r2_text = (
        f"R2 {max(r2.value, 0):.2f} [{max(r2.low, 0):.2f}, {max(r2.high, 0):.2f}] of "
        f"actions from {best.name} on held-out episodes, "
        f"{max(best.shuffled, 0):.2f} when they are shuffled"
    )
    if seen:
        text, means, remedy = f"actions show: {r2_text}", "", ""
    elif guessed:
        text = f"actions follow from what is seen, but do not show: {r2_text}"
        means = (
            "behaviour without noise: the model cannot tell what an action does from "
            "when it is taken"
        )
        remedy = "record with exploring behaviour, or add noise to what is commanded"
    else:
        text = f"actions do not show in any stream: {r2_text}"
        means = "there is nothing to plan with: the model will ignore the actions"
        remedy = (
            "check that actions and frames belong together (order of episodes, "
            "columns, units), that the camera sees what moves, and the frame rate"
        )
    return Finding(
        family="alignment",
        check="effect of actions",
        level="ok" if seen else "warning",
        text=text,
        value=r2.value,
        unit="R2",
        means=means,
        remedy=remedy,
        numbers=numbers,
    )
