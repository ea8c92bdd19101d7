"""The table of a comparison in lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from telos.evaluation.comparing.measuring import TIME

HEAD = (
    "objective",
    "verdict",
    "reads",
    "surprise",
    "rank",
    "std",
    "within",
    "skill",
    "steps",
    "ms/step",
    "seconds",
    "params",
)


def table_lines(table: Mapping[str, Any]) -> list[str]:
    """Two tables for every recording: objectives, and what was read of labels."""
    lines: list[str] = []
    for part in table["sets"]:
        lines += [f"{part['name']} ({part['world']}, {part['episodes']} episodes)", ""]
        lines += _aligned([HEAD, *(_row(row) for row in part["rows"])])
        lines += ["", *_aligned(_probes(part["rows"])), ""]
        lines += _failures(part["rows"])
    return lines


def with_interval(told: Mapping[str, Any] | None, digits: int = 2) -> str:
    """A mean and half its interval; a dash where nothing is known."""
    if told is None:
        return "-"
    mean = f"{told['mean']:.{digits}f}"
    if told["low"] is None:
        return mean
    return f"{mean} +-{told['high'] - told['mean']:.{digits}f}"


def verdict_of(row: Mapping[str, Any]) -> str:
    """Verdicts of the seeds, as one word where they agree."""
    words = [f"failed {len(row['failed'])}x"] if row["failed"] else []
    several = len(row["verdicts"]) > 1
    for name, count in row["verdicts"].items():
        words.append(f"{name} {count}x" if several or row["failed"] else name)
    return ", ".join(words) or "-"


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    mark = " !" if row["collapsed"] else " (control)" if row["control"] else ""
    evidence = row["evidence"]
    return (
        row["variant"] + mark,
        verdict_of(row),
        with_interval(row["reading"]),
        with_interval(row["surprise"]["mean"]),
        with_interval(evidence["effective_rank"], 1),
        with_interval(evidence["std_mean"]),
        with_interval(evidence["within_share"]),
        with_interval(evidence["prediction_skill"]),
        f"{row['steps']:,}",
        _number(row["ms_per_step"]),
        _number(row["seconds"]),
        f"{row['parameters']:,}" if row["parameters"] else "-",
    )


def _probes(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """A line for each label, level and kind, a column for each objective."""
    keys = dict.fromkeys(
        (p["label"], p["level"], p["measure"], p["kind"])
        for row in rows
        if row["variant"] != TIME
        for p in row["probes"]
    )
    head = ("label", "by", "probe", *(row["variant"] for row in rows), "guess")
    return [head, *(_label(key, rows) for key in keys)] if keys else []


def _label(
    key: tuple[str, str, str, str], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    label, level, measure, kind = key
    found = [
        next(
            (
                p
                for p in row["probes"]
                if (p["label"], p["level"], p["kind"]) == (label, level, kind)
            ),
            None,
        )
        for row in rows
    ]
    guess = next(p["guess"] for p in found if p is not None)
    cells = (with_interval(p["score"]) if p else "-" for p in found)
    return (label, level, f"{kind} {measure}", *cells, f"{guess:.2f}")


def _failures(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"{row['variant']} failed: {reason}" for row in rows for reason in row["failed"]
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
