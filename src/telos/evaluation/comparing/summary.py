"""Seeds put together: means with intervals, a verdict, an order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from telos.config import jsonable, to_dict
from telos.evaluation.comparing.folder import ComparisonFolder, DataFolder
from telos.evaluation.comparing.measuring import TIME, UNTRAINED
from telos.evaluation.comparing.variants import PREDICTION_ONLY
from telos.evaluation.statistics import t_interval
from telos.runtime import commit, machine

AS_THEY_ARE = (UNTRAINED, TIME)
"""Not trained: there is nothing that could have collapsed."""
CONTROLS = (*AS_THEY_ARE, PREDICTION_ONLY)
COLLAPSE = ("complete", "slow-feature", "dimensional")
"""Verdicts that are one."""
FIXED = ("pixels", "masked-pixels", "discrete", "frozen-teacher")
"""What is predicted cannot be made trivial: few dimensions may be all that it takes."""
EVIDENCE = (
    "effective_rank",
    "std_mean",
    "std_min",
    "within_share",
    "prediction_skill",
)

Measure = Mapping[str, Any]


def summarise(folder: ComparisonFolder) -> dict[str, Any]:
    """The table of all that was measured, as plain data.

    Objectives that have not collapsed come first, then by what linear probes read.
    """
    return jsonable(
        {
            "plan": to_dict(folder.plan()),
            "commit": commit(),
            "machine": machine(),
            "sets": [_set(part) for part in folder.parts()],
        }
    )


def _set(part: DataFolder) -> dict[str, Any]:
    by_name: dict[str, list[Measure]] = {}
    for measure in part.measures():
        by_name.setdefault(measure["variant"], []).append(measure)
    rows = [_row(name, seeds) for name, seeds in by_name.items()]
    rows.sort(key=_standing)
    return {"name": part.path.name, **part.description, "rows": rows}


def _row(name: str, seeds: Sequence[Measure]) -> dict[str, Any]:
    done = [m for m in seeds if "failed" not in m]
    verdicts = Counter(m["verdict"] for m in done if "verdict" in m)
    read = _interval(reading(m) for m in done)
    account = next((m["account"] for m in seeds if "account" in m), {})
    surprises = [m["surprise"] for m in done if m.get("surprise")]
    return {
        "variant": name,
        "control": name in CONTROLS,
        "seeds": sorted(m["seed"] for m in seeds),
        "failed": [m["failed"] for m in seeds if "failed" in m],
        "verdicts": dict(verdicts),
        "texts": [m["text"] for m in done if "text" in m],
        "collapsed": _collapsed(name, verdicts),
        "steps": account.get("steps", 0),
        "parameters": account.get("parameters"),
        "ms_per_step": 1000 * account["seconds_per_step"] if account else None,
        "seconds": account.get("seconds"),
        "elapsed": _interval(m.get("elapsed") for m in done),
        "reading": read,
        "evidence": {
            key: _interval(m.get("evidence", {}).get(key) for m in done)
            for key in (*EVIDENCE, "dimensions")
        },
        "probes": _probes(done),
        "surprise": {
            "mean": _interval(sum(s.values()) / len(s) for s in surprises),
            **{
                concept: _interval(s[concept] for s in surprises)
                for concept in (surprises[0] if surprises else ())
            },
        },
    }


def reading(measure: Measure) -> float | None:
    """What linear probes read of all labels, as a share of what guessing leaves.

    The mean over labels of (score - guess) / (1 - guess), none below 0: R2 and
    accuracy then mean the same, nothing and everything. Frame by frame, or of images
    where there is no frame to ask. None without labels.
    """
    linear = [p for p in measure.get("probes", ()) if p["kind"] == "linear"]
    asked = [p for p in linear if p["level"] == "frame"] or linear
    if not asked:
        return None
    gains = [max(0.0, share_gained(p["score"], p["guess"])) for p in asked]
    return sum(gains) / len(gains)


def share_gained(score: float | None, guess: float) -> float:
    """(score - guess) / (1 - guess); 0 where guessing is always right."""
    if score is None or guess >= 1:
        return 0.0
    return (score - guess) / (1 - guess)


def _collapsed(name: str, verdicts: Mapping[str, int]) -> bool:
    """Whether half of the seeds or more say so."""
    if name in AS_THEY_ARE:
        return False
    counted = COLLAPSE[:2] if name in FIXED else COLLAPSE
    total = sum(verdicts.values())
    return total > 0 and 2 * sum(verdicts.get(v, 0) for v in counted) >= total


def _standing(row: Mapping[str, Any]) -> tuple[bool, float, str]:
    read = row["reading"]
    return row["collapsed"], -(read["mean"] if read else -1.0), row["variant"]


def _probes(seeds: Sequence[Measure]) -> list[dict[str, Any]]:
    """Every label, level and kind, over seeds."""
    found: dict[tuple[str, str, str], list[Measure]] = {}
    for measure in seeds:
        for p in measure.get("probes", ()):
            found.setdefault((p["label"], p["level"], p["kind"]), []).append(p)
    return [
        {
            "label": label,
            "level": level,
            "kind": kind,
            "measure": probes[0]["measure"],
            "score": _interval(p["score"] for p in probes),
            "guess": sum(p["guess"] for p in probes) / len(probes),
        }
        for (label, level, kind), probes in found.items()
    ]


def _interval(values: Any) -> dict[str, Any] | None:
    """Mean and 95 % interval over seeds; one seed has no interval."""
    known = [float(v) for v in values if v is not None and math.isfinite(float(v))]
    if not known:
        return None
    mean = sum(known) / len(known)
    told: dict[str, Any] = {"mean": mean, "n": len(known), "low": None, "high": None}
    if len(known) > 1:
        found = t_interval(known)
        told |= {"low": found.low, "high": found.high}
    return told
