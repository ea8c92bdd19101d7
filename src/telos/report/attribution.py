"""Which link of an agent is the weakest, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from telos.report.reading import Json, dig, number_at, numbers_at, unit_of
from telos.report.results import Row, rate_row
from telos.report.svg import number, percent
from telos.report.wording import read_rate

COLUMNS = (
    "rank correlation",
    "way forward offered",
    "picked one",
    "regret",
    "\u201ccopy last\u201d wins from",
)
"""Of the table of decisions, after the name of the rung."""
ENDS = ("before", "after")
"""Where a link names its rungs."""


@dataclass(frozen=True, kw_only=True)
class AttributionView:
    """One attribution, ready to be laid out."""

    name: str
    sentence: str
    tone: str
    badge: str
    rows: Sequence[Row]
    """Success on the rungs between the truth and the agent."""
    side_rows: Sequence[Row]
    """The same on those that look at it from the side."""
    columns: Sequence[str]
    table: Sequence[tuple[str, Sequence[str]]]
    """(rung, cells) of what its decisions were worth."""
    note: str
    """How often decisions were made, and with how many evaluations."""


def attribution_view(name: str, values: Json) -> AttributionView:
    """Turn a file below ``attribution/`` into what the page shows."""
    rungs = [rung for rung in _listed(values, "rungs") if "title" in rung]
    ends = {link.get(end) for link in _listed(values, "links") for end in ENDS}
    chain = [rung for rung in rungs if rung.get("name") in ends] or rungs
    side = [rung for rung in rungs if rung not in chain]
    weakest = values.get("weakest")
    return AttributionView(
        name=name,
        sentence=str(values.get("sentence") or "This file holds no verdict."),
        tone="mixed" if weakest else "good",
        badge=f"weakest: {weakest}" if weakest else "no weak link",
        rows=[row for rung in chain for row in _rows(rung)],
        side_rows=[row for rung in side for row in _rows(rung)],
        columns=COLUMNS,
        table=[(str(r["title"]), _cells(r, unit_of(values))) for r in (*chain, *side)],
        note=_note(values),
    )


def _rows(rung: Json) -> list[Row]:
    rate = read_rate(rung, "success")
    if rate is None:
        return []
    css = "agent" if rung.get("name") == "shipped" else "ceiling"
    title = str(rung["title"])
    return [rate_row(title[:1].upper() + title[1:], css, rate)]


def _cells(rung: Json, unit: str) -> list[str]:
    rank, offered, picked, regret = (
        number_at(rung, "decisions", key, "mean")
        for key in ("correlation", "offered", "picked", "regret")
    )
    return [
        "" if rank is None else f"{rank:.2f}".replace("-", "\u2212"),
        "" if offered is None else percent(offered, 0),
        "" if picked is None else percent(picked, 0),
        "" if regret is None else f"{number(float(f'{regret:.2g}'))}\u00a0{unit}",
        _worse(rung),
    ]


def _worse(rung: Json) -> str:
    """From which imagined step on the model is worse than no model."""
    seen = rung.get("open_loop")
    if not isinstance(seen, Mapping):
        return ""
    key = "readout" if "readout" in seen else "latent"
    step = number_at(seen, f"worse_{key}")
    if step is not None:
        return f"step {number(step)}"
    last = max((h or 0.0 for h in numbers_at(seen, "horizons")), default=0.0)
    return f"never in {number(last)} steps" if last else "never"


def _note(values: Json) -> str:
    every, samples = (
        number_at(values, "settings", key) for key in ("replan_every", "samples")
    )
    episodes = number_at(values, "protocol", "episodes")
    if every is None or samples is None or episodes is None:
        return ""
    rounds = number_at(values, "settings", "iterations") or 1
    return (
        f"{number(episodes)} episodes on every rung; a search of {number(samples)} "
        f"candidates and {number(rounds)} rounds every {number(every)} steps."
    )


def _listed(values: Json, key: str) -> list[Json]:
    found = dig(values, key)
    entries = found if isinstance(found, list) else []
    return [entry for entry in entries if isinstance(entry, Mapping)]
