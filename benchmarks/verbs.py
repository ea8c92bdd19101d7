"""The command line as a user would run it; what was done before is not done again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from telos.evaluation.protocol import load_protocol


def telos(*order: str) -> None:
    """Run a verb in the environment of this script."""
    subprocess.run([sys.executable, "-m", "telos", *order], check=True)


def collect(world: str, path: Path, episodes: int, steps: int, *options: str) -> Path:
    """Record episodes; an interrupted recording goes on."""
    order = ["collect", world, "--out", str(path), "--resume", *options]
    telos(*order, "--episodes", str(episodes), "--steps", str(steps))
    return path


def learn(data: Path, run: Path, *options: str) -> Path:
    """Train; an interrupted training goes on, a finished one is kept."""
    if (run / "model.safetensors").exists():
        return run
    if (run / "config.json").exists():
        telos("train", "--resume", str(run))
    else:
        telos("train", str(data), "--out", str(run), *options)
    return run


def evaluate(
    run: Path, protocol: str, num_envs: int, episodes: int | None = None
) -> dict[str, Any]:
    """The evaluation of a run over so many episodes; measured once."""
    usual = load_protocol(protocol).episodes
    other = episodes not in (None, usual)
    name = f"{protocol}-{episodes}-episodes" if other else protocol
    path = run / "evaluations" / name / "evaluation.json"
    if not path.exists():
        more = ("--episodes", str(episodes)) if other else ()
        order = ("evaluate", str(run), "--protocol", protocol, *more)
        telos(*order, "--num-envs", str(num_envs))
    return json.loads(path.read_text())


def attribute(run: Path, protocol: str, episodes: int) -> dict[str, Any]:
    """Which link of a run is the weakest; measured once."""
    path = run / "attribution" / f"{protocol}.json"
    if not path.exists():
        order = ["attribute", str(run), "--protocol", protocol]
        telos(*order, "--episodes", str(episodes))
    return json.loads(path.read_text())


def trained_seconds(run: Path) -> float:
    """Seconds that the training of a run took."""
    last = (run / "metrics.jsonl").read_text().splitlines()[-1]
    return json.loads(last)["seconds"]
