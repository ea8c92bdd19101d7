"""What an evaluation found, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telos.report.charts import Line, Part, histogram, interval_track, line_chart
from telos.report.charts import stacked_bar
from telos.report.reading import (
    EvaluationFiles,
    Json,
    as_number,
    dig,
    has_guardrail,
    number_at,
    numbers_at,
)
from telos.report.replay import Replay, load_replays
from telos.report.svg import number, percent, suits_log
from telos.report.wording import (
    Rate,
    both_rules_sentence,
    comparison_sentence,
    machine_words,
    moment,
    plain,
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
class Film:
    """A recorded episode with its caption."""

    key: str
    replay: Replay
    success: bool
    headline: str
    detail: str


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
    probes: Sequence[tuple[str, str, str, str]]
    """(name, R2, error with unit, error of guessing the mean)."""
    command: str
    facts: Sequence[tuple[str, str]]


def evaluation_view(files: EvaluationFiles, anchor: str, films: int) -> Evaluation:
    """Turn evaluation.json and its traces into what the page shows.

    Args:
        files: The evaluation as read.
        anchor: Prefix of the page anchors that belong to it.
        films: How many recorded episodes to show at most.
    """
    values = files.values
    shown, note = _films(files, anchor, films)
    return Evaluation(
        name=files.name,
        anchor=anchor,
        description=str(dig(values, "protocol", "description") or ""),
        standing=standing(values),
        standing_words=standing_words(values),
        success=success_sentence(values),
        comparison=comparison_sentence(values),
        safety=safety_sentence(values),
        rule=rule_sentence(values),
        rules=both_rules_sentence(values),
        rows=_rows(values),
        cells=_cells(values, shown),
        distances=_distances(values),
        films=shown,
        film_note=note,
        triple=_triple(values),
        margins=_margins(values),
        statuses=_statuses(values),
        speed=_speed(values),
        speed_note=_speed_note(values),
        open_loop=_open_loop(values),
        probes=_probes(values),
        command=str(values.get("command") or ""),
        facts=_facts(files),
    )


def _episodes(values: Json) -> list[Mapping[str, Any]]:
    found = values.get("episodes")
    entries = found if isinstance(found, list) else []
    return [e for e in entries if isinstance(e, Mapping)]


def _unit(values: Json) -> str:
    return str(dig(values, "protocol", "unit") or "")


def _rows(values: Json) -> list[Row]:
    rows = [
        _row(name.capitalize(), "ceiling" if path == "ceiling" else "floor", rate)
        for path, name, rate in reversed(rivals(values))
    ]
    success = read_rate(values, "success")
    return [_row("This agent", "agent", success), *rows] if success else rows


def _row(name: str, css: str, rate: Rate) -> Row:
    detail = ", ".join(part for part in (rate.counted, rate.interval) if part)
    note = f"{name}: {percent(rate.rate)}" + (f" ({detail})" if detail else "")
    track = interval_track(rate.rate, rate.low, rate.high, css, note)
    return Row(name=name, css=css, value=percent(rate.rate), detail=detail, track=track)


def _cells(values: Json, films: Sequence[Film]) -> list[Cell]:
    recorded = {film.replay.seed: film.key for film in films}
    return [_cell(episode, recorded, _unit(values)) for episode in _episodes(values)]


def _cell(episode: Json, recorded: Mapping[int, str], unit: str) -> Cell:
    margin = number_at(episode, "min_margin")
    entered = margin is not None and margin < 0
    css = "hit" if episode.get("success") else "miss"
    seed = episode.get("seed")
    note = f"seed {seed}: {outcome(episode, unit)}"
    note += ", entered the zone" if entered else ""
    replay = recorded.get(seed, "") if isinstance(seed, int) else ""
    return Cell(css=css + (" entered" if entered else ""), note=note, replay=replay)


def outcome(episode: Json, unit: str) -> str:
    """How an episode ended, in a few words."""
    distance, hit = (number_at(episode, k) for k in ("final_distance", "first_hit"))
    if episode.get("success"):
        return f"reached at step {number(hit)}" if hit is not None else "reached"
    if distance is None:
        return "not reached"
    away = f"ended {number(distance)}\u00a0{unit} away"
    return f"was there, {away}" if hit is not None else away


def _films(files: EvaluationFiles, anchor: str, limit: int) -> tuple[list[Film], str]:
    if files.traces is None:
        return [], "No episode was recorded with this evaluation."
    unit = _unit(files.values)
    try:
        replays = load_replays(files.traces, limit, unit)
    except ValueError as error:
        return [], str(error)
    by_seed = {e.get("seed"): e for e in _episodes(files.values)}
    films = [
        _film(replay, by_seed.get(replay.seed), f"{anchor}-film-{index}", unit)
        for index, replay in enumerate(sorted(replays, key=lambda r: r.success))
    ]
    return films, "" if films else "The recording holds no episodes."


def _film(replay: Replay, episode: Json | None, key: str, unit: str) -> Film:
    ended = outcome(episode or {"success": replay.success}, unit)
    margin = number_at(episode, "min_margin")
    near = f", margin {number(margin)}\u00a0{unit}" if margin is not None else ""
    return Film(
        key=key,
        replay=replay,
        success=replay.success,
        headline=ended[0].upper() + ended[1:],
        detail=f"seed {replay.seed}{near}",
    )


def _distances(values: Json) -> str:
    found = [number_at(e, "final_distance") for e in _episodes(values)]
    known = [v for v in found if v is not None]
    radius = number_at(values, "protocol", "radius")
    if not known or radius is None:
        return ""
    return histogram(
        known,
        label="distance to the goal at the end of each episode",
        x_name=f"final distance ({_unit(values)})",
        mark=radius,
        mark_name=f"goal radius {number(radius)}",
        bad_below=False,
    )


def _triple(values: Json) -> Bar | None:
    names = (
        ("safe_success", "reached, stayed out", "good"),
        ("incomplete", "stayed out, not reached", "mixed"),
        ("violation", "entered the zone", "bad"),
    )
    counts = [number_at(values, "triple", key) for key, _, _ in names]
    if all(count is None for count in counts):
        return None
    total = number_at(values, "violations", "n") or len(_episodes(values))
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


def _margins(values: Json) -> str:
    found = [number_at(e, "min_margin") for e in _episodes(values)]
    known = [v for v in found if v is not None]
    if not known:
        return ""
    return histogram(
        known,
        label="smallest distance to the zone in each episode",
        x_name=f"smallest margin ({_unit(values)})",
        mark=0.0,
        mark_name="zone border",
        bad_below=True,
    )


def _speed(values: Json) -> list[tuple[str, str]]:
    names = (
        ("ms_p50", "median per decision", "\u00a0ms"),
        ("ms_p95", "95 % of decisions within", "\u00a0ms"),
        ("ms_mean", "mean per decision", "\u00a0ms"),
        ("evaluations", "imagined steps per decision", ""),
    )
    found = [(number_at(values, "decisions", k), name, unit) for k, name, unit in names]
    return [(number(v) + unit, name) for v, name, unit in found if v is not None]


def _speed_note(values: Json) -> str:
    together = number_at(values, "decisions", "num_envs")
    if together is None or together < 2:
        return ""
    return (
        f"{number(together)} episodes were planned side by side; the time of a planning "
        "call is divided by the episodes that it served."
    )


def _open_loop(values: Json) -> list[tuple[str, str, str]]:
    unit = str(dig(values, "open_loop", "unit") or "")
    pairs = (
        ("latent", "persistence", "In representation space", "latent distance"),
        ("readout", "readout_persistence", "Read out as position", f"error ({unit})"),
    )
    charts = []
    for key, baseline, name, note in pairs:
        svg = _horizon_chart(values, key, baseline, f"{name}: {note}")
        if svg:
            charts.append((name, note, svg))
    return charts


def _horizon_chart(values: Json, key: str, baseline: str, label: str) -> str:
    horizons = [h or 0.0 for h in numbers_at(values, "open_loop", "horizons")]
    curves = (("model", key, False), ("copy last", baseline, True))
    lines = [
        Line(name=name, x=horizons, y=numbers_at(values, "open_loop", k), dashed=dashed)
        for name, k, dashed in curves
        if horizons and len(numbers_at(values, "open_loop", k)) == len(horizons)
    ]
    if not any(line.finite() for line in lines):
        return ""
    log = suits_log([v for line in lines for v in line.finite()])
    return line_chart(lines, label=label, x_name="steps ahead", log=log)


def _probes(values: Json) -> list[tuple[str, str, str, str]]:
    found = values.get("probes")
    rows = []
    for name, probe in found.items() if isinstance(found, Mapping) else ():
        score = number_at(probe, "r2")
        error, guess = (number_at(probe, key) for key in ("error", "guess"))
        unit = dig(probe, "unit") or ""
        rows.append(
            (
                plain(str(name)),
                f"{score:.3f}" if score is not None else "",
                f"{number(error)}\u00a0{unit}" if error is not None else "",
                f"{number(guess)}\u00a0{unit}" if guess is not None else "",
            )
        )
    return rows


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
