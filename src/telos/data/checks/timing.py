"""Findings on time stamps: frames that are missing, and a clock that drifts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from telos.data.checks.clips import TIME, Clips
from telos.data.checks.finding import Bars, Finding, Strip, grade, plural, share
from telos.envs.world import WorldSpec

GAP = 1.5
"""Steps longer than this many periods lack a frame."""
DROPPED = (0.001, 0.05)
"""Share of frames lost from which it is worth a warning, and is an error."""
DRIFT = (0.01, 0.05)
"""Deviation of the mean rate from the nominal one, likewise."""
SHOWN = 4
"""Places that are shown."""


def check_time(clips: Clips, spec: WorldSpec, stream: str | None) -> Iterator[Finding]:
    """Gaps, order and rate of the time stamps of whole episodes.

    Args:
        clips: Whole episodes.
        spec: Its options may hold the nominal ``fps``.
        stream: An image stream to show the frames beside a gap with, if there is one.
    """
    fps = _nominal(spec)
    if TIME not in clips.columns:
        yield Finding(
            family="time",
            check="time stamps",
            level="ok",
            text="none are recorded, so that lost frames cannot be seen",
            numbers={"fps": fps},
        )
        return
    rows = clips.steps()
    time = clips.columns[TIME].astype(np.float64).reshape(-1)
    steps = time[rows + 1] - time[rows]
    finite = np.isfinite(steps)
    rows, steps = rows[finite], steps[finite]
    if not len(steps):
        return
    typical = float(np.median(steps))
    yield _order(steps)
    if typical > 0:
        period = 1 / fps if fps and abs(typical * fps - 1) < GAP - 1 else typical
        yield _gaps(clips, rows, steps, period, stream)
        yield _rate(steps, period, fps, typical)


def _nominal(spec: WorldSpec) -> float | None:
    """The frame rate that the source states."""
    fps = spec.options.get("fps")
    if isinstance(fps, int | float) and not isinstance(fps, bool) and fps > 0:
        return float(fps)
    return None


def _order(steps: np.ndarray) -> Finding:
    back, equal = int((steps < 0).sum()), int((steps == 0).sum())
    return Finding(
        family="time",
        check="order of time stamps",
        level="error" if back else grade(equal / len(steps), DROPPED[0], DROPPED[1]),
        text=(
            f"{plural(back, 'step')} backwards, {plural(equal, 'time stamp')} twice"
            if back or equal
            else "every frame is later than the one before"
        ),
        value=back + equal,
        unit="steps",
        means="frames stand in the wrong order, or twice: the model learns motion that "
        "never was",
        remedy="sort or drop these frames in the source and import again",
        numbers={"back": back, "equal": equal, "steps": len(steps)},
    )


def _gaps(
    clips: Clips, rows: np.ndarray, steps: np.ndarray, period: float, stream: str | None
) -> Finding:
    """Steps so long that at least one frame is missing in them."""
    long = np.flatnonzero(steps > GAP * period)
    missing = float(np.maximum(np.round(steps[long] / period) - 1, 1).sum())
    lost = missing / (missing + len(steps))
    worst = long[np.argsort(steps[long])[::-1][:SHOWN]]
    places = [clips.place(int(rows[at])) for at in worst]
    text = (
        f"{share(lost)} of the frames are missing, in {plural(len(long), 'gap')}; the "
        f"longest step takes {steps.max():.3g} s instead of {period:.3g} s"
    )
    return Finding(
        family="time",
        check="dropped frames",
        level=grade(lost, *DROPPED),
        text=text if len(long) else f"none missing, a step takes {period:.3g} s",
        value=lost,
        unit="share of frames",
        means="a step across a gap moves several times as far under one action: the "
        "model blurs its predictions to cover both",
        remedy="split episodes at the gaps, or record again at a rate that holds",
        numbers={
            "gaps": len(long),
            "period": period,
            "longest": float(steps.max()),
            "places": places,
        },
        charts=(_histogram(steps / period),) if len(long) else (),
        strips=tuple(
            Strip(
                caption=f"{steps[at]:.3g} s pass between these two frames",
                stream=stream,
                frames=(place, (place[0], place[1] + 1)),
            )
            for at, place in zip(worst, places, strict=True)
            if stream is not None and len(long)
        ),
    )


def _histogram(periods: np.ndarray) -> Bars:
    edges = np.linspace(0, max(min(periods.max(), 8.0), 2.0), 33)
    counts, _ = np.histogram(np.clip(periods, 0, edges[-1]), bins=edges)
    return Bars(
        title="Time between frames",
        x_name="nominal periods",
        edges=edges.tolist(),
        counts=counts.tolist(),
    )


def _rate(
    steps: np.ndarray, period: float, fps: float | None, typical: float
) -> Finding:
    """Whether the clock runs at the nominal rate, gaps apart."""
    regular = steps[(steps > 0) & (steps <= GAP * period)]
    rate = 1 / float(regular.mean()) if len(regular) else 1 / typical
    nominal = fps or 1 / typical
    off = abs(rate / nominal - 1)
    jitter = float(regular.std() / period) if len(regular) else 0.0
    stated = f"the source states {nominal:.4g}" if fps else "no nominal rate is stated"
    return Finding(
        family="time",
        check="frame rate",
        level=grade(off, *DRIFT) if fps else "ok",
        text=f"{rate:.4g} frames per second, {stated}; periods vary by {share(jitter)}",
        value=off,
        unit="relative deviation",
        means="speeds are learned in steps, not in seconds: an agent that acts at the "
        "nominal rate is faster or slower than its model",
        remedy="act at the recorded rate, or resample the source to the nominal one",
        numbers={"rate": rate, "nominal": fps, "jitter": jitter},
    )
