"""How good, how fast and how large is the demo on this machine?

python benchmarks/demo.py [FOLDER]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from results_file import limit_row, rate_row, row, write_result

WALK, GUARD = "rooms-random", "rooms-zone-64-episodes"


def main() -> None:
    """Run the demo in a fresh folder and write results/demo.json."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch) / "demo"
        order = [sys.executable, "-m", "telos", "demo", "--out", str(folder), "--json"]
        done = subprocess.run(order, check=True, stdout=subprocess.PIPE, text=True)
        told = json.loads(done.stdout)
        walk, guard = (evaluation(folder, name) for name in (WALK, GUARD))
        print(write_result("demo", told["seconds"], rows(told, walk, guard)))


def rows(told: dict, walk: dict, guard: dict) -> list[dict[str, Any]]:
    """What a demo is judged by: time, memory, success, safety."""
    entered = guard["violations"]
    return [
        limit_row("whole demo", told["seconds"] / 60, "min", 15),
        limit_row("training", told["stages"]["learn"] / 60, "min", 8),
        limit_row("peak memory", told["peak_memory_gib"], "GiB", 6),
        rate_row("goals on unseen layouts", walk, 0.9),
        row(
            "decision",
            walk["decisions"]["ms_mean"],
            "ms",
            target="<= 50",
            met=walk["decisions"]["ms_mean"] <= 50,
        ),
        row(
            "goals with a keep-out zone",
            guard["success"]["k"] / guard["success"]["n"],
            "share",
            n=guard["success"]["n"],
            low=guard["success"]["low"],
            high=guard["success"]["high"],
        ),
        row(
            "episodes that entered the zone",
            entered["k"],
            "episodes",
            n=entered["n"],
            target="0",
            met=entered["k"] == 0,
        ),
    ]


def evaluation(folder: Path, name: str) -> dict[str, Any]:
    """An evaluation of the demo's run."""
    path = folder / "run" / "evaluations" / name / "evaluation.json"
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()
