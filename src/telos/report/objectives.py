"""A comparison of objectives as one self-contained page.

The numbers come as `telos compare-objectives` writes them to comparison.json. Collapsed
objectives and failed trainings are shown as they are, below the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telos.config import atomic_write
from telos.report.bars import interval_track
from telos.report.layout import render
from telos.report.reading import Json
from telos.report.svg import number, percent

TONES = {"ok": "good", "partial": "mixed"}
MEASURES = {"r2": "R\u00b2", "accuracy": "accuracy"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """An objective, in words."""

    name: str
    tone: str
    badge: str
    note: str
    """The verdict's text, or why it failed."""
    track: str
    reads: str
    surprise: str
    cells: list[str]
    """Rank, variance within clips, skill, steps, cost, parameters."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """What was read of a label: a line for each objective, a column for each probe."""

    name: str
    measure: str
    columns: list[str]
    lines: list[tuple[str, list[str]]]
    """Objective and cells; the last line is guessing."""


@dataclass(frozen=True, kw_only=True)
class Set:
    """A recording."""

    name: str
    about: str
    sentence: str
    contrast: bool
    """Whether surprise was measured."""
    rows: list[Row]
    labels: list[Label]
    concepts: list[str]
    surprises: list[tuple[str, list[str]]]


def write_objectives(table: Json, out: Path) -> int:
    """Write the page, replacing an old one as a whole; return its size in bytes."""
    content = build_objectives(table).encode("utf-8")
    atomic_write(out, content)
    return len(content)


def build_objectives(table: Json) -> str:
    """The page as text, from comparison.json."""
    plan = table["plan"]
    return render(
        "objectives.html.j2",
        facts=[
            ("equal", plan["equal"]),
            ("backbone", plan["backbone"]),
            ("clips of a step", f"{plan['clips']} of {plan['length']} frames"),
            ("held out", percent(plan["held_out"], 0)),
        ],
        sets=[_set(part) for part in table["sets"]],
    )


def _set(part: Json) -> Set:
    rows = part["rows"]
    concepts = list(
        dict.fromkeys(c for row in rows for c in row["surprise"] if c != "mean")
    )
    return Set(
        name=part["name"],
        about=f"{part['world']}, {number(part['episodes'])} episodes",
        sentence=sentence(rows),
        contrast=bool(concepts),
        rows=[_row(row) for row in rows],
        labels=_labels(rows),
        concepts=concepts,
        surprises=[
            (row["variant"], [_share(row["surprise"].get(c)) for c in concepts])
            for row in rows
            if row["surprise"].get("mean") is not None
        ],
    )


def sentence(rows: Sequence[Json]) -> str:
    """Who reads most and whether that is clear, and who has collapsed."""
    rivals = [r for r in rows if not r["control"] and not r["collapsed"]]
    rivals = [r for r in rivals if r["reading"] is not None]
    said = ""
    if rivals:
        best, rest = rivals[0], rivals[1:]
        said = f"Most can be read of {best['variant']}"
        low = best["reading"]["low"]
        tops = [r["reading"]["high"] for r in rest]
        if low is None or any(top is None for top in tops):
            said += ", from one seed: that is no comparison."
        elif rest and low > max(tops):
            said += ", clearly ahead of the others."
        elif rest:
            said += ", but its interval overlaps that of another: no clear winner."
        else:
            said += "."
    lost = [r["variant"] for r in rows if r["collapsed"]]
    return f"{said} Collapsed: {', '.join(lost)}.".strip() if lost else said


def _row(row: Json) -> Row:
    evidence, verdicts = row["evidence"], row["verdicts"]
    several = len(verdicts) > 1
    words = [f"{name} {n}\u00d7" if several else name for name, n in verdicts.items()]
    words += [f"failed {len(row['failed'])}\u00d7"] if row["failed"] else []
    worst = row["collapsed"] or row["failed"]
    tone = "bad" if worst else TONES.get(next(iter(verdicts), ""), "mixed")
    reads = row["reading"]
    return Row(
        name=row["variant"],
        tone=tone if words else "unknown",
        badge=", ".join(words) or "no encoder",
        note=" ".join((row["failed"] or row["texts"])[:1]),
        track=_track(row["variant"], reads, "floor" if row["control"] else "agent"),
        reads=_share(reads),
        surprise=_share(row["surprise"].get("mean")),
        cells=[
            _rank(evidence),
            _share(evidence["within_share"]),
            _value(evidence["prediction_skill"]),
            number(row["steps"]),
            _plain(row["ms_per_step"]),
            _plain(row["seconds"]),
            _plain(row["parameters"]),
        ],
    )


def _labels(rows: Sequence[Json]) -> list[Label]:
    """One for each label, in the order in which they were read."""
    found: dict[tuple[str, str], dict[tuple[str, str], dict[str, Any]]] = {}
    for row in rows:
        for p in row["probes"]:
            probes = found.setdefault((p["label"], p["measure"]), {})
            probes.setdefault((p["level"], p["kind"]), {})[row["variant"]] = p
    return [
        Label(
            name=label,
            measure=MEASURES[measure],
            columns=[f"{kind}, {level}" for level, kind in probes],
            lines=[_line(row["variant"], probes) for row in rows if row["probes"]]
            + [("guess", [_guess(cells) for cells in probes.values()])],
        )
        for (label, measure), probes in found.items()
    ]


def _line(
    name: str, probes: Mapping[tuple[str, str], Mapping[str, Any]]
) -> tuple[str, list[str]]:
    return name, [
        _value(cells[name]["score"]) if name in cells else "\u2013"
        for cells in probes.values()
    ]


def _guess(cells: Mapping[str, Any]) -> str:
    return f"{next(iter(cells.values()))['guess']:.2f}"


def _track(name: str, told: Json | None, css: str) -> str:
    if told is None:
        return ""
    low, high = (
        None if told[end] is None else min(1.0, max(0.0, told[end]))
        for end in ("low", "high")
    )
    mean = min(1.0, max(0.0, told["mean"]))
    return interval_track(mean, low, high, css, f"{name}: {_share(told)}")


def _share(told: Json | None) -> str:
    if told is None:
        return "\u2013"
    if told["low"] is None:
        return percent(told["mean"])
    return f"{percent(told['mean'])} \u00b1 {100 * (told['high'] - told['mean']):.1f}"


def _value(told: Json | None) -> str:
    if told is None:
        return "\u2013"
    mean = f"{told['mean']:.2f}"
    if told["low"] is None:
        return mean
    return f"{mean} \u00b1 {told['high'] - told['mean']:.2f}"


def _rank(evidence: Json) -> str:
    rank, dims = evidence["effective_rank"], evidence["dimensions"]
    if rank is None or dims is None:
        return "\u2013"
    return f"{rank['mean']:.1f} of {number(dims['mean'])}"


def _plain(value: float | None) -> str:
    return "\u2013" if value is None else number(value)
