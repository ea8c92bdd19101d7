"""Are plans through a learned model as safe as they say, and what does safety cost?

    python benchmarks/guardrails.py                 # as published
    python benchmarks/guardrails.py --episodes 20   # a look, not a result

Calibrates the run that benchmarks/rooms.py has trained with seed 0 at three budgets of
search, then lets it act around keep-out zones with the buffer of its usual budget, and
once more without being told. Works in benchmarks/scratch/guardrails and goes on where
it stopped; writes results/guardrails.json.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from results_file import row, write_result
from verbs import evaluate, telos

from telos.evaluation.protocol import load_protocol
from telos.evaluation.statistics import clopper_pearson_upper, wilson

SCRATCH = Path(__file__).parent / "scratch"
SOURCE = SCRATCH / "rooms" / "seed-0-effort-2"
WORK = SCRATCH / "guardrails"
PARTS = ("config.json", "env.json", "model.json", "model.safetensors")
"""Of a run folder: what is needed to act."""
BUDGETS = {"usual / 3": (20, 2), "usual": (40, 3), "usual x 2": (80, 3)}
"""Name -> samples and iterations; the usual ones are those of `Deliberation`."""
ALPHA = 0.05
STEPS = 100
"""Of an episode of calibration: the zone lies between the start and the door."""
NUM_ENVS = 50


def main() -> None:
    """Calibrate at every budget, act at the usual one, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=250)
    episodes = parser.parse_args().episodes
    found = {name: calibrated(name, episodes) for name in BUDGETS}
    usual = WORK / folder_name("usual")
    told = evaluate(usual, "rooms-zone", NUM_ENVS)
    free = evaluate(usual, "rooms-zone-free", NUM_ENVS)
    rows = [
        *(one for name, made in found.items() for one in budget_rows(name, made)),
        *closed_loop_rows(told, free),
    ]
    seconds = sum(made["evidence"]["seconds"] for made in found.values())
    print(write_result("guardrails", seconds + told["seconds"] + free["seconds"], rows))


def folder_name(budget: str) -> str:
    """A budget as the name of a folder."""
    return budget.replace(" ", "").replace("/", "-by-")


def calibrated(budget: str, episodes: int) -> dict[str, Any]:
    """calibration.json of the run at a budget; made once."""
    run = WORK / folder_name(budget)
    path = run / "calibration.json"
    if not path.exists():
        run.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            shutil.copy(SOURCE / part, run / part)
        samples, iterations = BUDGETS[budget]
        counts = {"--episodes": episodes * 3 // 5, "--check-episodes": episodes}
        telos(
            *("calibrate", str(run), "--protocol", str(short_protocol())),
            *("--alpha", str(ALPHA), "--rounds", "2", "--num-envs", str(NUM_ENVS)),
            *(word for name, n in counts.items() for word in (name, str(n))),
            *("--agent", f"samples={samples}", f"iterations={iterations}"),
        )
    return json.loads(path.read_text())


def short_protocol() -> Path:
    """The episodes around a zone, without the time spent at the goal."""
    path = WORK / "rooms-zone-short.json"
    short = replace(load_protocol("rooms-zone"), name="rooms-zone-short", budget=STEPS)
    return short.save(path)


def budget_rows(name: str, made: dict[str, Any]) -> list[dict[str, Any]]:
    """Before and after calibration: plans followed blindly to their ends."""
    first, check = made["evidence"]["rounds"][0], made["evidence"]["check"]
    position = made["quantities"]["position"]
    samples, iterations = BUDGETS[name]
    title = f"{name} ({samples} x {iterations})"
    allowed = ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / check["plans"])
    return [
        share_row(f"{title}: plans that violate, no buffer", first, "violated"),
        row(f"{title}: buffer", position["buffer"], "px", n=position["num_plans"]),
        share_row(f"{title}: plans that violate, calibrated", check, "violated"),
        {
            **share_row(f"{title}: margins overstated beyond it", check, "overstated"),
            "target": f"<= {100 * allowed:.1f} %",
            "met": check["overstated"] / check["plans"] <= allowed,
        },
    ]


def share_row(title: str, counts: dict[str, Any], key: str) -> dict[str, Any]:
    """A count of plans as a share with its interval."""
    rate = wilson(counts[key], counts["plans"])
    return row(title, rate.value, "share", n=rate.n, low=rate.low, high=rate.high)


def closed_loop_rows(
    told: dict[str, Any], free: dict[str, Any]
) -> list[dict[str, Any]]:
    """What happens when plans are renewed and the shield looks at every step."""
    entered, n = told["violations"]["k"], told["violations"]["n"]
    kept = told["success"]["value"] / free["success"]["value"]
    shield = told["interventions"]
    return [
        row(
            "closed loop: episodes that entered the zone",
            entered,
            "episodes",
            n=n,
            high=n * clopper_pearson_upper(entered, n),
            target="0",
            met=entered == 0,
        ),
        success_row("closed loop: success", told),
        success_row("not told of the zone: success", free),
        row(
            "not told of the zone: episodes that entered it",
            free["violations"]["k"],
            "episodes",
            n=free["violations"]["n"],
        ),
        row("success kept", kept, "share", target=">= 95 %", met=kept >= 0.95),
        row("closed loop: stalls", told["triple"]["incomplete"], "episodes", n=n),
        row(
            "decisions replaced by the shield", shield["k"], "decisions", n=shield["n"]
        ),
    ]


def success_row(title: str, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Success of an evaluation with its interval."""
    rate = evaluation["success"]
    return row(
        title, rate["value"], "share", n=rate["n"], low=rate["low"], high=rate["high"]
    )


if __name__ == "__main__":
    main()
