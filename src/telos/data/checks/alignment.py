"""Findings on which row's action leaves a frame, and whether actions do anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from telos.data.checks.finding import Curve, Finding, Level, Lines, share
from telos.data.checks.inverse import SHIFTS, Estimate
from telos.data.checks.motion import Features
from telos.data.checks.shift import VISIBLE, Alignment, align

COUNTED = {1: "one row", 2: "two rows", 3: "three rows"}


def check_alignment(sources: Sequence[Features], seed: int = 0) -> Iterator[Finding]:
    """Findings on all streams together, or on each if they contradict each other.

    Args:
        sources: Features of the states, labels and image streams.
        seed: Decides folds and resamples.
    """
    found = [a for source in sources if (a := align(source, seed)) is not None]
    if not found:
        yield Finding(
            family="alignment",
            check="alignment",
            level="ok",
            text="cannot be told: too few steps, or nothing that changes",
        )
        return
    told = [set(a.shifts) for a in found if a.shifts]
    if not told or set.intersection(*told):
        yield _shift_finding("alignment", found)
    else:
        for alignment in found:
            yield _shift_finding(f"alignment by {alignment.name}", [alignment])
        yield from _disagreement(found)
    yield _effect(found)


def _shift_finding(check: str, found: Sequence[Alignment]) -> Finding:
    """What streams say that do not contradict each other."""
    best = max(found, key=_certainty)
    level, text, means, remedy = _verdict(best)
    others = [a.name for a in found if a is not best and a.shifts]
    unsure = [a.name for a in found if a is not best and not a.shifts]
    said = f"; {_listed(others)} agree{'s' * (len(others) == 1)}" if others else ""
    if unsure and best.shifts:
        said += f"; {_listed(unsure)} cannot tell"
    return Finding(
        family="alignment",
        check=check,
        level=level,
        text=text + said,
        value=None if best.shift is None else float(best.shift),
        unit="rows late",
        means=means,
        remedy=remedy,
        numbers={a.name: _numbers(a) for a in found},
        charts=tuple(_chart(a) for a in found),
    )


def _certainty(found: Alignment) -> tuple[int, float]:
    """One shift is surer than two, and two than none; then what shows most."""
    certainty = {0: 0, 1: 2, 2: 1}[len(found.shifts)]
    return certainty, max(e.low for e in found.gain)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else ", ".join(names)


def _numbers(found: Alignment) -> dict[str, object]:
    return {
        "shifts": list(SHIFTS),
        "consistent": list(found.shifts),
        "gain": list(found.gain),
        "r2": list(found.r2),
        "shuffled": found.shuffled,
        "steps": found.rows,
        "clips": found.clips,
    }


def _verdict(found: Alignment) -> tuple[Level, str, str, str]:
    """Level, text, meaning and remedy."""
    told = f"{found.rows:,} steps of {found.name} in {found.clips} clips"
    if not found.shifts:
        text = f"cannot be told: no row's action fits clearly better than all ({told})"
        return "ok", text, "", ""
    first = found.shifts[0]
    best, own = found.gain[SHIFTS.index(first)], found.gain[SHIFTS.index(0)]
    if first == 0:
        text = f"each action leaves the frame in its row: {_interval(best)} of what is"
        return "ok", f"{text} new in it shows in that motion ({told})", "", ""
    if 0 in found.shifts:
        text = f"actions answer to the frame in their row, as they should ({told})"
        return "ok", text, "", ""
    fit = (
        f"the motion from a row to the next tells {_interval(best)} of what is new in "
        f"that action, and {_interval(own)} of what is new in the row's own ({told})"
    )
    return _late(found, fit) if first > 0 else _early(first, fit)


def _late(found: Alignment, fit: str) -> tuple[Level, str, str, str]:
    """The motion to the next row belongs to a later row's action: impossible."""
    rows = " or ".join(COUNTED[k] for k in sorted(found.shifts))
    text = f"actions are {rows} late: import with --shift {found.shifts[0]}; {fit}"
    means = (
        "the model learns the effect of each action from another one's motion, and "
        "every plan begins with an action that does something else"
    )
    remedy = f"import again: `telos import ... --shift {found.shifts[0]}`"
    return "error", text, means, remedy


def _early(first: int, fit: str) -> tuple[Level, str, str, str]:
    """The motion belongs to an earlier row's action: a delay, or a shift."""
    text = f"actions show {COUNTED[-first]} after their own: {fit}"
    means = (
        "either the recorder stored actions early, or the robot or this camera answers "
        "late; a model that sees one frame cannot know the actions under way"
    )
    remedy = (
        f"if they were stored early, `telos import ... --shift {first}`; if the delay "
        f"is real, `telos train ... --history {1 - first}`"
    )
    return "warning", text, means, remedy


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
        x_name="rows late (0: as stored)",
        x=list(SHIFTS),
        curves=(curve("new part", found.gain), curve("R2", found.r2)),
        note="new part: share of what earlier rows leave unknown of the action",
    )


def _disagreement(found: Sequence[Alignment]) -> Iterator[Finding]:
    """Streams that show different moments: a camera that lags."""
    sure = {a.name: a.shift for a in found if a.shift is not None}
    if len(set(sure.values())) < 2:
        return
    last = min(sure, key=lambda name: sure[name])
    first = max(sure, key=lambda name: sure[name])
    rows = sure[first] - sure[last]
    yield Finding(
        family="alignment",
        check="streams against each other",
        level="warning",
        text=f"{last} shows what actions do {COUNTED.get(rows, f'{rows} rows')} later "
        f"than {first}",
        value=float(rows),
        unit="rows",
        means="the model sees two moments at once and takes them for one",
        remedy="shift that stream in the source, by its time stamps where it has some; "
        f"or give the model the past, `telos train ... --history {rows + 1}`",
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
