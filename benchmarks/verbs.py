"""The command line as a user would run it; what was done before is not done again."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from telos.cli.pairs import suffix_of
from telos.evaluation.protocol import load_protocol


def telos(*order: str) -> None:
    """Run a verb in the environment of this script."""
    subprocess.run([sys.executable, "-m", "telos", *order], check=True)


def cpu_seconds(*order: str) -> float:
    """Run a verb; CPU seconds that it and its threads took."""
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    telos(*order)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (ended.ru_utime - began.ru_utime) + (ended.ru_stime - began.ru_stime)


def collect(world: str, path: Path, episodes: int, steps: int, *options: str) -> Path:
    """Record episodes; an interrupted recording goes on."""
    order = ["collect", world, "--out", str(path), "--resume", *options]
    telos(*order, "--episodes", str(episodes), "--steps", str(steps))
    return path


def learn(data: Path, run: Path, *options: str) -> Path:
    """Train; an interrupted training goes on, a finished one is kept."""
    return _trained("train", data, run, *options)


def watch(data: Path, run: Path, *options: str) -> Path:
    """Train a watcher; otherwise as `learn`."""
    return _trained("watch", data, run, *options)


def _trained(verb: str, data: Path, run: Path, *options: str) -> Path:
    if (run / "model.safetensors").exists():
        return run
    if (run / "config.json").exists():
        telos(verb, "--resume", str(run))
    else:
        telos(verb, str(data), "--out", str(run), *options)
    return run


def evaluate(
    run: Path,
    protocol: str,
    num_envs: int,
    *,
    episodes: int | None = None,
    agent: Sequence[str] = (),
) -> dict[str, Any]:
    """The evaluation of a run over so many episodes; measured once.

    Args:
        run: Run folder.
        protocol: Name of a shipped protocol.
        num_envs: Episodes that run side by side.
        episodes: As many as the protocol says, if not given.
        agent: How the agent searches where not as usual, as name=value.
    """
    other = episodes not in (None, load_protocol(protocol).episodes)
    name = f"{protocol}-{episodes}-episodes" if other else protocol
    path = run / "evaluations" / (name + suffix_of(agent)) / "evaluation.json"
    if not path.exists():
        order = ["evaluate", str(run), "--protocol", protocol]
        order += ["--episodes", str(episodes)] if other else []
        order += ["--agent", *agent] if agent else []
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
