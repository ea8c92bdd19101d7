"""`telos info`: what this machine offers, and what follows from it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from telos import __version__
from telos.cli.common import CommonOptions
from telos.cli.main import EXTRAS

EXAMPLES = """
telos info
telos info --json
telos info runs/arm
telos info --device cuda
"""

_GL_PROBE = """
import mujoco
context = mujoco.GLContext(64, 64)
context.make_current()
context.free()
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Show versions, device and why, cores, memory, renderer, extras and disk; of a
    run, the cameras and other streams that its agent sees."""

    run: tyro.conf.Positional[Path | None] = None
    """Run folder with a trained model."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Gather the facts, print them as a table, return them."""
    from telos.cli.described import describe_run

    if command.run is None:
        facts = of_machine(command.common.device)
        rows = _rows(facts)
    else:
        facts, rows = describe_run(command.run)
    if not command.common.json:
        _show(rows)
    return facts


def of_machine(device: str) -> dict[str, Any]:
    """What this machine offers to a device that was asked for."""
    from telos.runtime import choose_runtime, commit, machine, versions

    runtime = choose_runtime(device)
    return {
        "telos": __version__,
        "commit": commit(),
        "machine": machine(),
        "runtime": {
            "device": runtime.device,
            "dtype": runtime.dtype,
            "threads": runtime.threads,
            "reasons": list(runtime.reasons),
        },
        "renderer": renderer(),
        "extras": installed_extras(),
        "versions": versions(),
        "disk_free_bytes": shutil.disk_usage(".").free,
    }


def renderer() -> dict[str, str | None]:
    """Which headless OpenGL MuJoCo can draw with, tried in processes that may die.

    Returns:
        `backend` (egl, osmesa, glfw or None) and `reason`, the remedy if None.
    """
    if importlib.util.find_spec("mujoco") is None:
        return {
            "backend": None,
            "reason": 'mujoco is not installed: pip install "telos[sim]"',
        }
    chosen = os.environ.get("MUJOCO_GL")
    for backend in (chosen,) if chosen else ("egl", "osmesa"):
        if _draws_with(backend):
            reason = "MUJOCO_GL" if chosen else "first that works"
            return {"backend": backend, "reason": reason}
    return {
        "backend": None,
        "reason": f"MUJOCO_GL={chosen} does not work: unset it"
        if chosen
        else "no headless OpenGL: apt-get install libegl1 libgl1-mesa-dri",
    }


def installed_extras() -> dict[str, bool]:
    """Whether every module of an extra can be found."""
    found: dict[str, bool] = {}
    for module, extra in EXTRAS.items():
        here = importlib.util.find_spec(module) is not None
        found[extra] = found.get(extra, True) and here
    return dict(sorted(found.items()))


def _draws_with(backend: str) -> bool:
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _GL_PROBE],
            env={**os.environ, "MUJOCO_GL": backend},
            capture_output=True,
            timeout=60,
        )
    except subprocess.TimeoutExpired:
        return False
    return probe.returncode == 0


def _show(rows: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, text in rows:
        table.add_row(f"[bold]{name}[/bold]", text)
    Console().print(table)


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    host, drawing = facts["machine"], facts["renderer"]
    gpu = f", {host['gpu']}" if host["gpu"] else ""
    versions = facts["versions"].items()
    return [
        ("telos", f"{facts['telos']} (commit {facts['commit']})"),
        ("machine", f"{host['cpu']}, {host['cores']} usable core(s){gpu}"),
        ("memory", f"{host['memory_bytes'] / 2**30:.1f} GiB"),
        ("disk free", f"{facts['disk_free_bytes'] / 2**30:.1f} GiB (here)"),
        ("system", f"{host['os']}, Python {host['python']}"),
        *[tuple(reason.split(": ", 1)) for reason in facts["runtime"]["reasons"]],
        ("renderer", f"{drawing['backend'] or 'none'} ({drawing['reason']})"),
        ("extras", _marked(facts["extras"])),
        ("packages", ", ".join(f"{name} {v or '-'}" for name, v in versions)),
    ]


def _marked(extras: dict[str, bool]) -> str:
    return ", ".join(
        f"{name} {'yes' if here else 'no'}" for name, here in extras.items()
    )
