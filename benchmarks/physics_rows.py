"""From single measurements to the table: means over seeds, with intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from results_file import row

from telos.config import load_json
from telos.evaluation.statistics import t_interval
from telos.evaluation.surprise import hedges_g

MODELS = ("vicreg", "pixels")
TARGETS = {
    **dict.fromkeys(
        ("permanence", "shape-constancy", "colour-constancy", "continuity", "solidity"),
        0.95,
    ),
    **dict.fromkeys(("inertia", "gravity"), 0.9),
}
"""Concept -> contrast that the watcher is to reach; none for the others."""
AT_CHANCE = 0.03
"""Half width of the band in which a control has to lie."""
Measures = Mapping[tuple[str, str, str], Mapping[str, Sequence[Mapping[str, Any]]]]
"""(corpus, rung, model) -> concept -> scores of each seed."""


def rows_of(folder: Path, rungs: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Rows of results/physics.json from the files of a folder."""
    found = read(folder)
    rows = []
    for corpus, names in rungs.items():
        for rung in names:
            models = [m for c, r, m in found if (c, r) == (corpus, rung)]
            for model in sorted(models, key=_order):
                rows += _rows(found, (corpus, rung, model))
    return rows


def read(folder: Path) -> Measures:
    """Every measurement that there is."""
    found: Any = defaultdict(lambda: defaultdict(list))
    for file in sorted(folder.glob("*.json")):
        corpus, rung, concept, model, _ = file.stem.split("+")
        found[corpus, rung, model][concept].append(load_json(file))
    return found


def _rows(found: Measures, key: tuple[str, str, str]) -> list[dict[str, Any]]:
    corpus, rung, model = key
    concepts = found[key]
    rows = [_row(f"{rung}, {model}, all concepts", _all(concepts), model, "all")]
    blank = found.get((corpus, rung, "untrained"), {})
    for concept, scores in concepts.items():
        name = f"{rung}, {model}, {concept}"
        values = [s["contrast"]["mean"] for s in scores]
        made = _row(name, values, model, concept)
        made |= {
            "quadruplets": scores[0]["count"],
            "relative_contrast": _known(s["relative_contrast"] for s in scores),
            "pairwise": [
                _mean(s["pairwise"][d]["mean"] for s in scores) for d in (0, 1)
            ],
            "auroc_mean": _mean(s["auroc_mean"] for s in scores),
            "auroc_max": _mean(s["auroc_max"] for s in scores),
            "contrast_max": _mean(s["contrast_max"]["mean"] for s in scores),
            "event_delta": _mean(s["event_delta"]["mean"] for s in scores),
            "memory": [s["memory"] for s in scores],
        }
        if model in MODELS and len(blank.get(concept, ())) >= 2:
            others = [s["contrast"]["mean"] for s in blank[concept]]
            made["hedges_g"] = hedges_g(values, others)
        rows.append(made)
    return rows


def _row(
    name: str, values: Sequence[float], model: str, concept: str
) -> dict[str, Any]:
    """A mean over seeds; a single seed has no interval."""
    value = _mean(values)
    bounds = {}
    if len(values) >= 2:
        interval = t_interval(values)
        bounds = {"low": max(interval.low, 0.0), "high": min(interval.high, 1.0)}
    target, met = _target(model, concept, value)
    return row(
        name, value, "share", n=len(values), **bounds, floor=0.5, target=target, met=met
    )


def _target(model: str, concept: str, value: float) -> tuple[str | None, bool | None]:
    if model == "tracker":
        return "100 %", value == 1
    if model == "vicreg":
        wanted = TARGETS.get(concept)
        if wanted is None:
            return None, None
        return f">= {100 * wanted:g} %", value >= wanted
    # A shuffled context still shows what there was: it need not be at chance.
    free = ("pixels", "shuffled-context")
    if model in free or model.startswith("clips-"):
        return None, None
    return "50 +- 3 %", abs(value - 0.5) <= AT_CHANCE


def _all(concepts: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[float]:
    """Mean over concepts, of each seed that has all of them."""
    seeds = min(len(scores) for scores in concepts.values())
    return [
        _mean(scores[i]["contrast"]["mean"] for scores in concepts.values())
        for i in range(seeds)
    ]


def _known(values: Iterable[float | None]) -> float | None:
    """Mean of what is known: nothing surprises the tracker in possible clips."""
    kept = [value for value in values if value is not None]
    return _mean(kept) if kept else None


def _mean(values: Iterable[float]) -> float:
    kept = list(values)
    return sum(kept) / len(kept)


def _order(model: str) -> tuple[int, str]:
    first = (*MODELS, "untrained", "tracker")
    return (first.index(model) if model in first else len(first), model)
