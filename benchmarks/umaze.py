"""Does an agent that learned from pixels alone find its way in a MuJoCo maze?

    python benchmarks/umaze.py                        # as published
    python benchmarks/umaze.py --effort 0.1           # a look, not a result

The ball accelerates, so one picture does not show where it is going: the agent sees
three pictures, a twentieth of a second apart, and no velocity. Works in
benchmarks/scratch/umaze and goes on where it stopped; writes results/umaze.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from results_file import limit_row, rate_row, row, write_result

WORK = Path(__file__).parent / "scratch" / "umaze"
EPISODES, STEPS = 400, 100
LEARN = ("--streams", "pixels", "--history", "3", "--critic", "expectile")


def main() -> None:
    """Record, train, evaluate, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    WORK.mkdir(parents=True, exist_ok=True)
    data = record()
    run = learn(data, options.effort, options.seed)
    found = run / "evaluations" / "umaze" / "evaluation.json"
    if not found.exists():
        telos("evaluate", str(run), "--protocol", "umaze", "--num-envs", "50")
    evaluation = json.loads(found.read_text())
    milliseconds = evaluation["decisions"]["ms_mean"]
    seconds = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    rows = [
        rate_row("goals in the maze", evaluation, 0.9),
        limit_row("decision, 50 side by side", milliseconds, "ms", 50),
        row("training", seconds["seconds"] / 60, "min"),
    ]
    print(write_result("umaze", time.monotonic() - started, rows))


def record() -> Path:
    """Scripted visits and random pushes, an action every fifth simulator step."""
    path = WORK / "maze.h5"
    order = ["collect", "point-maze", "--out", str(path), "--resume"]
    order += ["--options", "action_repeat=5"]
    telos(*order, "--episodes", str(EPISODES), "--steps", str(STEPS))
    return path


def learn(data: Path, effort: float, seed: int) -> Path:
    """The run; an interrupted one goes on."""
    run = WORK / f"seed-{seed}-effort-{effort:g}"
    if (run / "model.safetensors").exists():
        return run
    if (run / "config.json").exists():
        telos("train", "--resume", str(run))
        return run
    order = ["train", str(data), "--out", str(run), "--seed", str(seed)]
    telos(*order, "--effort", str(effort), *LEARN)
    return run


def telos(*order: str) -> None:
    """Run a verb of the command line as a user would."""
    subprocess.run([sys.executable, "-m", "telos", *order], check=True)


if __name__ == "__main__":
    main()
