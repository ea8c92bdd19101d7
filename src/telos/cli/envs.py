"""`telos envs`: which worlds there are, and what one of them offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tyro

from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    from telos.envs import GoalWorld

EXAMPLES = """
telos envs
telos envs two-rooms
telos envs PointMaze_Medium-v3
telos envs gym:Pendulum-v1 --json
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """List the worlds, or show what one of them shows, takes and offers."""

    env: tyro.conf.Positional[str | None] = None
    """World to show: two-rooms, point-maze, gym:<id>; none lists all."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions] = field(
        default_factory=CommonOptions
    )


def run(command: Command) -> dict[str, Any]:
    """List or show; returns what was printed."""
    result = _listing() if command.env is None else _show(command.env)
    if not command.common.json:
        _print_listing(result) if command.env is None else _print_world(result)
    return result


def _listing() -> dict[str, Any]:
    from telos.envs import list_worlds

    worlds = [
        {
            "id": entry.id,
            "aliases": list(entry.aliases),
            "summary": entry.summary,
            "success": entry.success,
        }
        for entry in list_worlds()
    ]
    return {"worlds": worlds}


def _show(env_id: str) -> dict[str, Any]:
    from telos.envs import make_world

    world = make_world(env_id)
    try:
        return {**_spec(world), **_offers(world)}
    finally:
        world.close()


def _spec(world: GoalWorld) -> dict[str, Any]:
    spec = world.spec
    return {
        "id": spec.id,
        "max_steps": spec.max_steps,
        "action": {
            "low": spec.action_low.tolist(),
            "high": spec.action_high.tolist(),
        },
        "streams": {name: _stream(s) for name, s in spec.streams.items()},
        "labels": {name: _stream(s) for name, s in spec.labels.items()},
        "options": dict(spec.options),
    }


def _stream(stream: Any) -> dict[str, Any]:
    return {"shape": list(stream.shape), "dtype": stream.dtype, "unit": stream.unit}


def _offers(world: GoalWorld) -> dict[str, Any]:
    from telos.envs import list_worlds

    rules = {entry.id: entry.success for entry in list_worlds()}
    return {
        "goal_rules": list(world.goal_rules),
        "behaviours": list(world.behaviours),
        "success": rules.get(world.spec.id, rules["gym:<id>"]),
    }


def _print_listing(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("world", "what it is", "success", box=None, pad_edge=False)
    for world in result["worlds"]:
        table.add_row(world["id"], world["summary"], world["success"])
    console = Console()
    console.print(table)
    console.print("\nShow one with: telos envs two-rooms", markup=False)


def _print_world(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("world", result["id"])
    action = result["action"]
    table.add_row("actions", f"{_numbers(action['low'])} to {_numbers(action['high'])}")
    for group in ("streams", "labels"):
        for name, stream in result[group].items():
            table.add_row(f"{group[:-1]} {name}", _stream_text(stream))
    table.add_row("goal rules", ", ".join(result["goal_rules"]))
    table.add_row("behaviours", ", ".join(result["behaviours"]))
    table.add_row("success", result["success"])
    table.add_row("usual step limit", str(result["max_steps"]))
    for name, value in result["options"].items():
        table.add_row(f"option {name}", repr(value))
    Console(markup=False).print(table)


def _numbers(values: list[float]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"


def _stream_text(stream: dict[str, Any]) -> str:
    shape = " x ".join(map(str, stream["shape"])) or "one number"
    return f"{shape} {stream['dtype']} {stream['unit']}".rstrip()
