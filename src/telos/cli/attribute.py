"""`telos attribute`: which link of a run's agent is the weakest?"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from telos.cli.bars import named_bars
from telos.cli.common import CommonOptions
from telos.cli.pairs import deliberation_of, suffix_of

if TYPE_CHECKING:
    from telos.agent import AgentParts, Deliberation
    from telos.evaluation.attribution import Attribution

EXAMPLES = """
telos attribute runs/rooms
telos attribute runs/rooms --agent samples=24 iterations=2
telos attribute runs/umaze --protocol umaze --episodes 50
"""

PATIENCE = ("replan_every=4",)
"""Imagined frames are drawn and encoded, which is slow: fewer decisions than usual."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Find the weakest link of a run's agent: search, cost, model, or what remembers.

    Replaces one link after the other by the truth, in the same episodes and with the
    same search, and compares. The result goes to RUN/attribution/PROTOCOL.json and into
    the next `telos report`.
    """

    run: tyro.conf.Positional[Path]
    """Run folder."""
    protocol: str = "rooms-random"
    """Name of a shipped protocol, or a protocol file."""
    episodes: int = 64
    """Episodes per rung; some tens tell large losses, hundreds small ones."""
    num_envs: int = 16
    """Episodes that run side by side; results do not depend on it."""
    agent: tuple[str, ...] = ()
    """How the agent deliberates where not as usual, as name=value, see
    `telos evaluate`; here it replans every 4th step unless told otherwise."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Climb the ladder, write the file, print the table, return the JSON."""
    attribution = _attribute(command)
    name = attribution.protocol.name + suffix_of(command.agent)
    path = attribution.save(command.run / "attribution" / f"{name}.json")
    result = attribution.to_json()
    if not command.common.json:
        _show(result, path)
    return result


def _attribute(command: Command) -> Attribution:
    from telos.envs import make_world
    from telos.evaluation.attribution import attribute
    from telos.evaluation.protocol import load_protocol

    protocol = load_protocol(command.protocol).with_episodes(command.episodes)
    num_envs = min(command.num_envs, protocol.episodes)
    world = make_world(protocol.world, num_envs=num_envs, **protocol.world_options)
    with contextlib.closing(world), named_bars(command.common) as progress:
        return attribute(
            world,
            lambda settings: load_parts(command, world.spec, settings),
            protocol,
            deliberation_of((*PATIENCE, *command.agent)),
            progress=progress,
        )


def load_parts(command: Command, spec: Any, settings: Deliberation) -> AgentParts:
    """The agent of the run that deliberates as told."""
    from telos.agent import load_agent

    return load_agent(
        command.run, spec=spec, device=command.common.device, deliberation=settings
    )


def _show(result: dict[str, Any], path: Path) -> None:
    from rich.console import Console

    from telos.evaluation.attribution.table import lines

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in lines(result):
        console.print(line)
    console.print(f"written {path}")
