"""What every benchmark writes: one JSON file per question, with command and machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from telos.config import save_json
from telos.runtime import commit, machine

RESULTS = Path(__file__).parent / "results"


def row(name: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    """One line of a table; `more` are n, low, high, floor, ceiling, target, met."""
    return {"name": name, "value": value, "unit": unit, **more}


def rate_row(name: str, evaluation: Mapping[str, Any], target: float) -> dict[str, Any]:
    """The success of an evaluation.json beside its floor, its ceiling and a target."""
    success = evaluation["success"]
    share = success["k"] / success["n"]
    floors, ceiling = evaluation["floors"], evaluation["ceiling"]
    return row(
        name,
        share,
        "share",
        n=success["n"],
        low=success["low"],
        high=success["high"],
        floor=max((f["k"] / f["n"] for f in floors.values()), default=None),
        ceiling=ceiling["k"] / ceiling["n"] if ceiling else None,
        target=f">= {100 * target:g} %",
        met=share >= target,
    )


def limit_row(name: str, value: float, unit: str, limit: float) -> dict[str, Any]:
    """A cost that must not be more than a limit."""
    return row(name, value, unit, target=f"<= {limit:g}", met=value <= limit)


def read_rows(name: str) -> list[dict[str, Any]]:
    """The rows that a benchmark wrote last."""
    return json.loads((RESULTS / f"{name}.json").read_text())["rows"]


def write_result(name: str, seconds: float, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write benchmarks/results/NAME.json."""
    path = RESULTS / f"{name}.json"
    command = " ".join(["python", *(Path(a).as_posix() for a in sys.argv)])
    save_json(
        path,
        {
            "command": command,
            "commit": commit(),
            "machine": machine(),
            "seconds": round(seconds, 1),
            "rows": list(rows),
        },
    )
    return path
