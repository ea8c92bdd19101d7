"""Several runs side by side: the same protocol, the same curves, what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telos.report.bars import interval_track
from telos.report.charts import line_chart
from telos.report.reading import Json, RunFiles, dig, number_at
from telos.report.svg import number, percent, suits_log
from telos.report.training import (
    Curve,
    metric_line,
    phase_rows,
    phase_seconds,
    verdicts_on,
)
from telos.report.wording import Rate, duration, plain, read_rate

MAX_DIFFERENCES = 40
"""Rows of the table of differing settings."""
COMPARED = ("loss", "skill")
"""Metrics whose name holds one of these are overlaid."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One run under one protocol."""

    run: str
    anchor: str
    track: str
    success: str
    interval: str
    violations: str
    milliseconds: str
    training: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """All runs that were evaluated under one protocol."""

    protocol: str
    warning: str
    entries: Sequence[Entry]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The section that stands first when there are several runs."""

    verdict: str

    tables: Sequence[Table]
    curves: Sequence[Curve]
    names: Sequence[str]
    differences: Sequence[tuple[str, Sequence[str]]]
    """(setting, its value in every run)."""
    left_out: int
    """Differing settings beyond those shown."""


def compare(runs: Sequence[RunFiles], names: Sequence[str]) -> Comparison:
    """Put runs side by side; ``names`` are unique and in the same order."""
    protocols = dict.fromkeys(e.name for run in runs for e in run.evaluations)
    differing = _differences([run.config for run in runs])
    return Comparison(
        verdict=_verdict(runs, names),
        tables=[_table(protocol, runs, names) for protocol in protocols],
        curves=_overlays(runs, names),
        names=names,
        differences=differing[:MAX_DIFFERENCES],
        left_out=max(len(differing) - MAX_DIFFERENCES, 0),
    )


def _verdict(runs: Sequence[RunFiles], names: Sequence[str]) -> str:
    """Who is ahead under the first protocol that ranks at least two runs."""
    for protocol in dict.fromkeys(e.name for run in runs for e in run.evaluations):
        ranked = _ranking(protocol, runs, names)
        if len(ranked) > 1:
            return _ahead(protocol, ranked)
    return "No protocol was run on two of these runs, so they cannot be compared."


def _ranking(
    protocol: str, runs: Sequence[RunFiles], names: Sequence[str]
) -> list[tuple[str, Rate]]:
    """Runs with a success rate under a protocol, the best first."""
    found = [
        (name, rate)
        for run, name in zip(runs, names, strict=True)
        for e in run.evaluations
        if e.name == protocol and (rate := read_rate(e.values, "success")) is not None
    ]
    return sorted(found, key=lambda entry: -entry[1].rate)


def _ahead(protocol: str, ranked: Sequence[tuple[str, Rate]]) -> str:
    """Ahead means that no other interval reaches up to the best one."""
    (name, best), rest = ranked[0], ranked[1:]
    nearest = max(r.high if r.high is not None else r.rate for _, r in rest)
    share = f"{name} reaches {percent(best.rate)} under {protocol}"
    if best.low is not None and best.low > nearest:
        return f"{share}, clearly ahead of {'the others' if rest[1:] else rest[0][0]}."
    return f"{share}, but its interval overlaps that of another run: no clear winner."


def _table(protocol: str, runs: Sequence[RunFiles], names: Sequence[str]) -> Table:
    entries, hashes = [], set()
    for index, (run, name) in enumerate(zip(runs, names, strict=True)):
        for evaluation in run.evaluations:
            if evaluation.name == protocol:
                entries.append(_entry(run, name, f"run-{index}", evaluation.values))
                hashes.add(dig(evaluation.values, "protocol", "hash"))
    warning = (
        "These results come from different versions of the protocol (their hashes "
        "differ): compare them with care."
        if len(hashes) > 1
        else ""
    )
    return Table(protocol=protocol, warning=warning, entries=entries)


def _entry(run: RunFiles, name: str, anchor: str, values: Json) -> Entry:
    rate = read_rate(values, "success")
    entered = read_rate(values, "violations")
    speed = number_at(values, "decisions", "ms_p50")
    seconds = training_seconds(run)
    verdicts = verdicts_on(run, "representation")
    note = f"{name}: {percent(rate.rate)} {rate.counted}" if rate else name
    return Entry(
        run=name,
        anchor=anchor,
        track=interval_track(rate.rate, rate.low, rate.high, "agent", note)
        if rate
        else "",
        success=percent(rate.rate) if rate else "",
        interval=", ".join(p for p in (rate.counted, rate.interval) if p)
        if rate
        else "",
        violations=entered.counted if entered else "",
        milliseconds=f"{number(speed)}\u00a0ms" if speed is not None else "",
        training=duration(seconds) if seconds else "",
        verdict=str(verdicts[-1].get("name", "")) if verdicts else "",
    )


def training_seconds(run: RunFiles) -> float:
    """Seconds of all phases together."""
    names = dict.fromkeys(str(row.get("phase", "training")) for row in run.metrics)
    return sum(phase_seconds(phase_rows(run, name)) for name in names)


def _overlays(runs: Sequence[RunFiles], names: Sequence[str]) -> list[Curve]:
    """One chart per phase and compared metric that at least two runs logged."""
    keys = dict.fromkeys(
        (str(row.get("phase", "training")), metric)
        for run in runs
        for row in run.metrics
        for metric in row
        if any(metric == c or metric.endswith(c) for c in COMPARED)
    )
    curves = [_overlay(phase, metric, runs, names) for phase, metric in keys]
    return [curve for curve in curves if curve is not None][:6]


def _overlay(
    phase: str, metric: str, runs: Sequence[RunFiles], names: Sequence[str]
) -> Curve | None:
    lines = [
        metric_line(metric, phase_rows(run, phase), name)
        for run, name in zip(runs, names, strict=True)
    ]
    drawn = [line for line in lines if line.finite()]
    if len(drawn) < 2:
        return None
    log = suits_log([v for line in drawn for v in line.finite()])
    name = f"{plain(metric)}, {plain(phase)}"
    svg = line_chart(drawn, label=f"{name} of all runs", x_name="step", log=log)
    return Curve(name=name, note="log scale" if log else "", svg=svg)


def _differences(configs: Sequence[Json]) -> list[tuple[str, list[str]]]:
    flat = [flatten(config) for config in configs]
    keys = sorted({key for settings in flat for key in settings})
    rows = [(key, [settings.get(key, "\u2013") for settings in flat]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def flatten(values: Any, prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted keys with written values."""
    if not isinstance(values, Mapping):
        return {prefix: str(values)}
    flat: dict[str, str] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
