"""What happened while learning: curves per phase and verdicts on the representation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telos.report.bars import sparkline
from telos.report.charts import Line, line_chart
from telos.report.reading import Json, RunFiles, as_number, dig
from telos.report.svg import number, suits_log
from telos.report.wording import duration, plain

BINS = 140
"""Points of a drawn curve; more than a chart has pixels for only adds bytes."""
FRONT_CURVES = 6
"""Curves of a phase that are shown at once; the rest folds away."""
TITLES = {
    "representation": "Representation",
    "completion": "Completion",
    "dynamics": "Dynamics",
    "chart": "Chart",
    "critic": "Critic",
    "habit": "Habit",
    "decoder": "Decoder",
}
PHASE_NOTES = {
    "representation": "Encoder and predictor learn together from the recorded frames.",
    "completion": "The latent of all streams is guessed from some of them.",
    "dynamics": "The predictor becomes precise, on the frozen latents of all frames.",
    "chart": "Coordinates of the latents in which an action is a displacement.",
    "critic": "A cost-to-go is learned on frozen latents, without rewards.",
    "habit": "What is usually done on the way to a goal: where a search begins.",
    "decoder": "Latents as pictures, for people: no agent reads them.",
}
METRIC_NOTES = {
    "loss": "what is minimised; lower is better",
    "told": "share of the latent that streams drawn at random tell; 1 is all of it",
    "typical_error": "median error of an action read off the chart, full action = 1",
    "picture_skill": "share of what varies in pictures that is shown",
    "prediction_skill": "1 is perfect, 0 is copying the last state",
    "effective_rank": "dimensions really in use; a fall is a collapse",
    "within_share": "variance inside episodes; near 0 only the layout is encoded",
    "frames_per_second": "training throughput",
    "learning_rate": "step size of the optimiser",
}
VERDICT_GOOD = ("ok",)
VERDICT_MIXED = ("partial", "dimensional", "slow-feature")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One drawn metric."""

    name: str
    note: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of learning."""

    name: str
    note: str
    facts: str
    front: Sequence[Curve]
    more: Sequence[Curve]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One number behind a verdict, and how it moved."""

    name: str
    value: str
    spark: str


@dataclass(frozen=True, kw_only=True)
class Representation:
    """The newest verdict and the way to it."""

    name: str
    tone: str
    text: str
    step: str
    evidence: Sequence[Evidence]
    history: Sequence[tuple[str, str, str]]
    """(tone, name, step) of every verdict, oldest first."""


def phases(run: RunFiles) -> list[Phase]:
    """Curves of every phase, in the order in which the phases ran."""
    names = list(
        dict.fromkeys(str(row.get("phase", "training")) for row in run.metrics)
    )
    grouped = {name: phase_rows(run, name) for name in names}
    return [_phase(name, rows, _note(run, name)) for name, rows in grouped.items()]


def _note(run: RunFiles, name: str) -> str:
    """What a phase is for, and what was found out before it began or after it."""
    note = PHASE_NOTES.get(name, "")
    found = verdicts_on(run, name) if name != "representation" else []
    what = "Targets" if name == "critic" else "Found"
    return f"{note} {what}: {found[-1].get('text', '')}." if found else note


def said_of_decoder(run: RunFiles) -> str:
    """How much of held-out pictures a decoder shows; empty without one."""
    found = verdicts_on(run, "decoder")
    return str(found[-1].get("text", "")) if found else ""


def phase_rows(run: RunFiles, name: str) -> list[Json]:
    """Rows of one phase."""
    return [row for row in run.metrics if str(row.get("phase", "training")) == name]


def _phase(name: str, rows: Sequence[Json], note: str) -> Phase:
    curves = [_curve(metric, rows) for metric in _metric_names(rows)]
    steps = [s for s in (as_number(row.get("step")) for row in rows) if s is not None]
    spent = phase_seconds(rows)
    facts = [f"{number(max(steps))} steps"] if steps else []
    facts += [duration(spent)] if spent else []
    return Phase(
        name=TITLES.get(name, plain(name).capitalize()),
        note=note,
        facts=", ".join(facts),
        front=curves[:FRONT_CURVES],
        more=curves[FRONT_CURVES:],
    )


def phase_seconds(rows: Sequence[Json]) -> float:
    """Seconds between the first and the last row of a phase."""
    seconds = [
        s for s in (as_number(row.get("seconds")) for row in rows) if s is not None
    ]
    return max(seconds) - min(seconds) if seconds else 0.0


def _metric_names(rows: Sequence[Json]) -> list[str]:
    """Metrics with at least one number; the loss first, then skills, then the rest."""
    seen = dict.fromkeys(
        key
        for row in rows
        for key, value in row.items()
        if key not in ("step", "seconds", "phase") and as_number(value) is not None
    )
    order = {name: place for place, name in enumerate(METRIC_NOTES)}
    late = {"learning_rate": 1, "frames_per_second": 1}
    ranked = sorted(seen, key=lambda n: (late.get(n, 0), order.get(n, len(order))))
    return ranked


def metric_line(metric: str, rows: Sequence[Json], name: str = "") -> Line:
    """A metric against its step, averaged in bins, with each bin's range as a band."""
    points = [(as_number(row.get("step")), row.get(metric)) for row in rows]
    known = [(s, as_number(v)) for s, v in points if s is not None and v is not None]
    pairs = [(step, value) for step, value in known if value is not None]
    size = -(-len(pairs) // BINS) or 1
    bins = [pairs[i : i + size] for i in range(0, len(pairs), size)]
    values = [[value for _, value in rows_of_bin] for rows_of_bin in bins]
    band = size > 1
    return Line(
        name=name or plain(metric),
        x=[rows_of_bin[-1][0] for rows_of_bin in bins],
        y=[sum(v) / len(v) for v in values],
        low=[min(v) for v in values] if band else (),
        high=[max(v) for v in values] if band else (),
    )


def _curve(metric: str, rows: Sequence[Json]) -> Curve:
    line = metric_line(metric, rows)
    log = suits_log(line.finite())
    skill = "skill" in metric
    svg = line_chart(
        [line],
        label=f"{plain(metric)} against training step",
        x_name="step",
        log=log,
        reference=0.0 if skill and not log else None,
    )
    note = METRIC_NOTES.get(metric, METRIC_NOTES["prediction_skill"] if skill else "")
    return Curve(
        name=plain(metric), note=note + (" (log scale)" if log else ""), svg=svg
    )


def representation(run: RunFiles) -> Representation | None:
    """The newest verdict on the representation with its evidence, if there is one."""
    verdicts = verdicts_on(run, "representation")
    if not verdicts:
        return None
    newest = verdicts[-1]
    evidence = newest.get("evidence")
    keys = list(evidence) if isinstance(evidence, dict) else []
    return Representation(
        name=str(newest.get("name", "unnamed")),
        tone=_tone(newest),
        text=str(newest.get("text", "")),
        step=_step(newest),
        evidence=[_evidence(key, verdicts) for key in keys],
        history=[(_tone(d), str(d.get("name", "")), _step(d)) for d in verdicts],
    )


def verdicts_on(run: RunFiles, about: str) -> list[Json]:
    """What a training said about one of its parts, oldest first."""
    return [v for v in run.diagnostics if v.get("about", "representation") == about]


def _tone(diagnosis: Json) -> str:
    name = diagnosis.get("name")
    if name in VERDICT_GOOD:
        return "good"
    return "mixed" if name in VERDICT_MIXED else "bad"


def _step(diagnosis: Json) -> str:
    step = as_number(diagnosis.get("step"))
    return f"step {number(step)}" if step is not None else ""


def _evidence(key: str, diagnostics: Sequence[Json]) -> Evidence:
    history = [as_number(dig(d, "evidence", key)) for d in diagnostics]
    known = [value for value in history if value is not None]
    last = history[-1]
    label = f"{plain(key)} over {len(known)} checks"
    return Evidence(
        name=plain(key),
        value=number(last) if last is not None else "not finite",
        spark=sparkline(known, label),
    )
