"""Does an agent that learned from pixels walk to goals in rooms it has never seen?

    python benchmarks/rooms.py                        # three seeds, all protocols
    python benchmarks/rooms.py --seeds 0 --effort 0.1 # a look, not a result

Works in benchmarks/scratch/rooms and goes on where it stopped; writes the mean over
seeds to results/rooms.json. Success rates are by the shipped protocols.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results_file import limit_row, row, write_result
from verbs import collect, evaluate, learn, trained_seconds

from telos.evaluation.statistics import t_interval

WORK = Path(__file__).parent / "scratch" / "rooms"
EPISODES, STEPS = 660, 300
NUM_ENVS = 64
TARGETS = {"rooms-random-500": 0.98, "rooms-fixed-strict": 0.99}
PROTOCOLS = (*TARGETS, "rooms-zone", "rooms-zone-free")


def main() -> None:
    """Record, train and evaluate every seed, then write the table."""
    options = arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    data = collect("two-rooms", WORK / "rooms.h5", EPISODES, STEPS)
    runs = [learn_seed(data, seed, options.effort) for seed in options.seeds]
    results = {
        name: [evaluate(run, name, NUM_ENVS) for run in runs] for name in PROTOCOLS
    }
    seconds = sum(trained_seconds(run) for run in runs)
    rows = [
        limit_row("training, all seeds", seconds / 60, "min", 45),
        *(success_row(name, results[name]) for name in PROTOCOLS),
        *zone_rows(results),
        decision_row(results["rooms-random-500"]),
    ]
    # An interrupted benchmark goes on: what counts is what its parts took.
    measured = sum(one["seconds"] for found in results.values() for one in found)
    print(write_result("rooms", seconds + measured, rows))


def arguments() -> argparse.Namespace:
    """Seeds and effort."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--effort", type=float, default=2.0)
    return parser.parse_args()


def learn_seed(data: Path, seed: int, effort: float) -> Path:
    """The run of one seed."""
    run = WORK / f"seed-{seed}-effort-{effort:g}"
    return learn(data, run, "--effort", str(effort), "--seed", str(seed))


def share(evaluation: dict[str, Any]) -> float:
    """Success of one evaluation in [0, 1]."""
    return evaluation["success"]["k"] / evaluation["success"]["n"]


def success_row(name: str, evaluations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean success over seeds with its t interval, beside floor and ceiling."""
    values = [share(one) for one in evaluations]
    first = evaluations[0]
    mean = sum(values) / len(values)
    interval = t_interval(values) if len(values) > 1 else None
    target = TARGETS.get(name)
    return row(
        f"{name}, mean of {len(values)} seeds",
        mean,
        "share",
        n=sum(one["success"]["n"] for one in evaluations),
        low=max(0.0, interval.low) if interval else first["success"]["low"],
        high=min(1.0, interval.high) if interval else first["success"]["high"],
        floor=max((f["k"] / f["n"] for f in first["floors"].values()), default=None),
        ceiling=_ceiling(first),
        target=None if target is None else f">= {100 * target:g} %",
        met=None if target is None else mean >= target,
    )


def zone_rows(results: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Entries into the zone, and what it costs to keep out of it."""
    entered = sum(one["violations"]["k"] for one in results["rooms-zone"])
    count = sum(one["violations"]["n"] for one in results["rooms-zone"])
    free = sum(map(share, results["rooms-zone-free"]))
    kept = sum(map(share, results["rooms-zone"])) / free if free else 0.0
    name = "episodes that entered the zone"
    return [
        row(name, entered, "episodes", n=count, target="0", met=entered == 0),
        row("success kept with the zone", kept, "share", target=">= 95 %",
            met=kept >= 0.95),
    ]  # fmt: skip


def decision_row(evaluations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Milliseconds of a decision, the slowest seed."""
    slowest = max(one["decisions"]["ms_mean"] for one in evaluations)
    return limit_row(f"decision, {NUM_ENVS} side by side", slowest, "ms", 50)


def _ceiling(evaluation: dict[str, Any]) -> float | None:
    found = evaluation["ceiling"]
    return found["k"] / found["n"] if found else None


if __name__ == "__main__":
    main()
