"""`telos demo`: all of it, from nothing to the page."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from telos.cli.common import CommonOptions

EXAMPLES = """
telos demo
telos demo --out demo --open
telos demo --quick --out quick-demo
"""

EPISODES, STEPS = 500, 300
QUICK = 0.03
"""Share of the work that --quick does: enough to see the page, not to walk well."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Record episodes of two rooms, learn a world model from their pixels, plan to goal
    images in rooms never seen, inside a keep-out zone too, and write the report page.

    A demo that was interrupted goes on where it stopped; one that is complete is only
    shown again.
    """

    out: Path = Path("demo")
    """Folder for the episodes, the run and the page."""
    quick: bool = False
    """A few seconds of everything, to see that it works; the agent will be bad."""
    open: bool = False
    """Show the page in the default browser at the end."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Run every stage that is not done yet."""
    from telos.runtime import peak_memory_bytes

    started = time.monotonic()
    command.out.mkdir(parents=True, exist_ok=True)
    stages = {
        "record": _record,
        "learn": _learn,
        "walk": _walk,
        "guard": _guard,
        "report": _report,
    }
    seconds: dict[str, float] = {}
    for number, (name, stage) in enumerate(stages.items(), 1):
        begun = time.monotonic()
        _announce(command, f"[{number}/{len(stages)}] {stage.__doc__}")
        stage(command)
        seconds[name] = round(time.monotonic() - begun, 1)
    page = command.out / "report.html"
    result = {
        "page": str(page),
        "seconds": round(time.monotonic() - started, 1),
        "stages": seconds,
        "peak_memory_gib": round(peak_memory_bytes() / 2**30, 2),
    }
    minutes = result["seconds"] / 60
    _announce(command, f"{minutes:.1f} minutes in all; the page is {page}")
    return result


def _record(command: Command) -> None:
    """Record scripted walks in random rooms."""
    from telos.cli import collect

    path = command.out / "rooms.h5"
    share = QUICK if command.quick else 1.0
    collect.run(
        collect.Command(
            env="two-rooms",
            out=path,
            episodes=round(EPISODES * share),
            steps=STEPS,
            resume=path.exists() or path.with_name(path.name + ".parts").exists(),
            common=command.common,
        )
    )


def _learn(command: Command) -> None:
    """Learn a world model, a critic and read-outs."""
    from telos.cli import train

    folder = command.out / "run"
    if (folder / "model.safetensors").exists():
        _announce(command, "already learned")
        return
    order = train.Command(
        data=command.out / "rooms.h5",
        out=folder,
        effort=QUICK if command.quick else 1.0,
        common=command.common,
    )
    if (folder / "config.json").exists():
        order = replace(order, data=None, out=None, resume=folder)
    train.run(order)


def _walk(command: Command) -> None:
    """Walk to goal images in rooms never seen."""
    _evaluate(command, "rooms-random", 200)


def _guard(command: Command) -> None:
    """The same with a keep-out zone across the direct way."""
    _evaluate(command, "rooms-zone", 64)


def _report(command: Command) -> None:
    """Write the report page."""
    from telos.cli import report

    report.run(
        report.Command(
            runs=(command.out / "run",),
            out=command.out / "report.html",
            open=command.open,
            common=command.common,
        )
    )


def _evaluate(command: Command, protocol: str, episodes: int) -> None:
    from telos.cli import evaluate

    episodes = 4 if command.quick else episodes
    order = evaluate.Command(
        run=command.out / "run",
        protocol=protocol,
        episodes=episodes,
        num_envs=min(64, episodes),
        common=command.common,
    )
    name = evaluate.protocol_of(order).name
    if (command.out / "run" / "evaluations" / name / "evaluation.json").exists():
        _announce(command, "already measured")
        return
    evaluate.run(order)


def _announce(command: Command, line: str) -> None:
    if command.common.json or command.common.quiet:
        return
    from rich.console import Console

    Console(highlight=False, markup=False).print(f"\n{line}")
