"""What an evaluation found, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from telos.report.bars import Part, interval_track, stacked_bar
from telos.report.films import Film, films_of, outcome
from telos.report.measures import (
    ProbeRow,
    distances_of,
    margins_of,
    open_loop_of,
    probes_of,
    speed_note_of,
    speed_of,
)
from telos.report.reading import (
    EvaluationFiles,
    Json,
    as_number,
    dig,
    episodes,
    has_guardrail,
    number_at,
    unit_of,
)
from telos.report.svg import number, percent
from telos.report.wording import (
    Rate,
    both_rules_sentence,
    comparison_sentence,
    machine_words,
    moment,
    read_rate,
    rivals,
    rule_sentence,
    safety_sentence,
    standing,
    standing_words,
    success_sentence,
)

STATUS = {
    "certified": ("good", "the plan was checked and keeps its margin"),
    "backup": ("mixed", "the tail of the last certified plan was used"),
    "infeasible": ("bad", "no safe plan was found; the least bad one was used"),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the success chart."""

    name: str
    css: str
    value: str
    detail: str
    track: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One episode in the grid of all episodes."""

    css: str
    note: str
    replay: str
    """Anchor of its recording, empty without one."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A stacked bar with its legend."""

    svg: str
    legend: Sequence[tuple[str, str, str]]
    """(css, name, count and share)."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One evaluation, ready to be laid out."""

    name: str
    anchor: str
    description: str
    standing: str
    standing_words: str
    success: str
    comparison: str
    safety: str
    safety_notes: Sequence[str]
    rule: str
    rules: str
    rows: Sequence[Row]
    cells: Sequence[Cell]
    distances: str
    films: Sequence[Film]
    film_note: str
    triple: Bar | None
    margins: str
    statuses: Bar | None
    speed: Sequence[tuple[str, str]]
    speed_note: str
    open_loop: Sequence[tuple[str, str, str]]
    """(title, note, chart)."""
    probes: Sequence[ProbeRow]
    command: str
    facts: Sequence[tuple[str, str]]


def evaluation_view(
    files: EvaluationFiles, anchor: str, films: int, notes: Sequence[str] = ()
) -> Evaluation:
    """Turn evaluation.json and its traces into what the page shows.

    Args:
        files: The evaluation as read.
        anchor: Prefix of the page anchors that belong to it.
        films: How many recorded episodes to show at most.
        notes: On safety, from the run as a whole.
    """
    values = files.values
    shown, note = films_of(files, anchor, films)
    return Evaluation(
        name=files.name,
        anchor=anchor,
        description=str(dig(values, "protocol", "description") or ""),
        standing=standing(values),
        standing_words=standing_words(values),
        success=success_sentence(values),
        comparison=comparison_sentence(values),
        safety=safety_sentence(values),
        safety_notes=notes,
        rule=rule_sentence(values),
        rules=both_rules_sentence(values),
        rows=_rows(values),
        cells=_cells(values, shown),
        distances=distances_of(values),
        films=shown,
        film_note=note,
        triple=_triple(values),
        margins=margins_of(values),
        statuses=_statuses(values),
        speed=speed_of(values),
        speed_note=speed_note_of(values),
        open_loop=open_loop_of(values),
        probes=probes_of(values),
        command=str(values.get("command") or ""),
        facts=_facts(files),
    )


def _rows(values: Json) -> list[Row]:
    rows = [
        rate_row(name.capitalize(), "ceiling" if path == "ceiling" else "floor", rate)
        for path, name, rate in reversed(rivals(values))
    ]
    success = read_rate(values, "success")
    return [rate_row("This agent", "agent", success), *rows] if success else rows


def rate_row(name: str, css: str, rate: Rate) -> Row:
    """A rate with its interval as one line of a chart."""
    detail = ", ".join(part for part in (rate.counted, rate.interval) if part)
    note = f"{name}: {percent(rate.rate)}" + (f" ({detail})" if detail else "")
    track = interval_track(rate.rate, rate.low, rate.high, css, note)
    return Row(name=name, css=css, value=percent(rate.rate), detail=detail, track=track)


def _cells(values: Json, films: Sequence[Film]) -> list[Cell]:
    recorded = {film.replay.seed: film.key for film in films}
    return [_cell(episode, recorded, unit_of(values)) for episode in episodes(values)]


def _cell(episode: Json, recorded: Mapping[int, str], unit: str) -> Cell:
    margin = number_at(episode, "min_margin")
    entered = margin is not None and margin < 0
    css = "hit" if episode.get("success") else "miss"
    seed = episode.get("seed")
    note = f"seed {seed}: {outcome(episode, unit)}"
    note += ", entered the zone" if entered else ""
    replay = recorded.get(seed, "") if isinstance(seed, int) else ""
    return Cell(css=css + (" entered" if entered else ""), note=note, replay=replay)


def _triple(values: Json) -> Bar | None:
    names = (
        ("safe_success", "reached, stayed out", "good"),
        ("incomplete", "stayed out, not reached", "mixed"),
        ("violation", "entered the zone", "bad"),
    )
    counts = [number_at(values, "triple", key) for key, _, _ in names]
    # Without a zone there is no violation to count, and "stayed out" means nothing.
    guarded = read_rate(values, "violations") is not None
    if not guarded or all(count is None for count in counts):
        return None
    total = number_at(values, "violations", "n") or len(episodes(values))
    scale = total if total and sum(c or 0 for c in counts) <= 1.001 else 1
    pieces = [
        Part(name=name, count=(count or 0) * scale, css=css)
        for (_, name, css), count in zip(names, counts, strict=True)
    ]
    return _bar(pieces, "outcome of the episodes")


def _statuses(values: Json) -> Bar | None:
    counts = {name: number_at(values, "statuses", name) or 0.0 for name in STATUS}
    if not any(counts.values()) or not (has_guardrail(values) or _troubled(counts)):
        return None
    pieces = [
        Part(name=name, count=count, css=STATUS[name][0])
        for name, count in counts.items()
    ]
    return _bar(pieces, "status of the plans")


def _troubled(counts: Mapping[str, float]) -> bool:
    """Whether any plan was less than certified; without guardrails none can be."""
    return any(count for name, count in counts.items() if name != "certified")


def _bar(pieces: Sequence[Part], label: str) -> Bar:
    total = sum(p.count for p in pieces) or 1.0
    legend = [
        (p.css, p.name, f"{number(round(p.count))} ({percent(p.count / total)})")
        for p in pieces
    ]
    return Bar(svg=stacked_bar(pieces, label), legend=legend)


def _facts(files: EvaluationFiles) -> list[tuple[str, str]]:
    values = files.values
    seconds = as_number(values.get("seconds"))
    facts = (
        ("protocol", str(dig(values, "protocol", "name") or files.name)),
        ("protocol hash", str(dig(values, "protocol", "hash") or "")),
        ("evaluated", moment(files.modified)),
        ("machine", machine_words(values.get("machine"))),
        ("commit", str(values.get("commit") or "")),
        ("took", f"{number(seconds)}\u00a0s" if seconds is not None else ""),
    )
    return [(name, value) for name, value in facts if value]
