"""Does an agent that learned from pixels alone find its way in a MuJoCo maze?

    python benchmarks/umaze.py                        # as published
    python benchmarks/umaze.py --effort 0.1           # a look, not a result

The ball accelerates, so one picture does not show where it is going: the agent sees
three pictures, a twentieth of a second apart, and no velocity. Works in
benchmarks/scratch/umaze and goes on where it stopped; writes results/umaze.json.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from results_file import limit_row, rate_row, row, write_result
from verbs import collect, evaluate, learn, trained_seconds

WORK = Path(__file__).parent / "scratch" / "umaze"
EPISODES, STEPS = 400, 100
NUM_ENVS = 50
RECORD = ("--options", "action_repeat=5")
"""An action every fifth simulator step."""
LEARN = ("--streams", "pixels", "--history", "3")


def main() -> None:
    """Record, train, evaluate, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    WORK.mkdir(parents=True, exist_ok=True)
    data = collect("point-maze", WORK / "maze.h5", EPISODES, STEPS, *RECORD)
    run = WORK / f"seed-{options.seed}-effort-{options.effort:g}"
    dials = ("--effort", str(options.effort), "--seed", str(options.seed))
    learn(data, run, *dials, *LEARN)
    evaluation = evaluate(run, "umaze", NUM_ENVS)
    milliseconds = evaluation["decisions"]["ms_mean"]
    rows = [
        rate_row("goals in the maze", evaluation, 0.9),
        limit_row(f"decision, {NUM_ENVS} side by side", milliseconds, "ms", 50),
        row("training", trained_seconds(run) / 60, "min"),
    ]
    print(write_result("umaze", time.monotonic() - started, rows))


if __name__ == "__main__":
    main()
