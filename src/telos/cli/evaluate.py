"""`telos evaluate`: measure a run by a protocol."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from telos.cli.bars import named_bars
from telos.cli.common import CommonOptions
from telos.cli.pairs import deliberation_of, suffix_of

if TYPE_CHECKING:
    from telos.evaluation.actors import AgentParts
    from telos.evaluation.evaluate import Evaluation
    from telos.evaluation.protocol import Protocol

EXAMPLES = """
telos evaluate runs/rooms
telos evaluate runs/rooms --protocol rooms-random-500 --num-envs 64
telos evaluate runs/rooms --protocol rooms-zone --episodes 50 --no-baselines
telos evaluate runs/rooms --guard zones.json
telos evaluate runs/rooms --data held-out.h5
telos evaluate runs/rooms --agent planner=random-shooting route_every=0
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Measure a run by a protocol, beside floors and a ceiling.

    The result goes to RUN/evaluations/PROTOCOL and into the next `telos report`.
    """

    run: tyro.conf.Positional[Path]
    """Run folder."""
    protocol: str = "rooms-random"
    """Name of a shipped protocol, or a protocol file."""
    episodes: int | None = None
    """Fewer or more episodes than the protocol says; this changes its hash."""
    num_envs: int = 32
    """Episodes that run side by side; results do not depend on it, latency does."""
    guard: Path | None = None
    """Zones file with one keep-out zone that the agent must respect."""
    agent: tuple[str, ...] = ()
    """How the agent deliberates where not as usual, as name=value: samples, iterations,
    horizon, futures, near_futures, seconds, planner, cost, running, replan_every,
    route_every, memory, habit."""
    data: Path | None = None
    """Held-out episodes: adds open-loop prediction error, and probes of every label,
    linear and not, beside the same probes of an untrained encoder."""
    no_baselines: bool = False
    """Leave out the random and straight-line floors and the ceiling."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Evaluate, write the files, print the summary, return the JSON."""
    evaluation = _evaluate(command, protocol_of(command))
    folder = command.run / "evaluations" / evaluation.protocol.name
    path = evaluation.save(folder)
    result = evaluation.to_json()
    if not command.common.json:
        _show(result, path)
    return result


def protocol_of(command: Command) -> Protocol:
    """The protocol with what the command line changes in it.

    Raises:
        ValueError: If the zones file cannot be checked against the truth.
    """
    from telos.config import load_json
    from telos.evaluation.protocol import load_protocol
    from telos.evaluation.zones import zone_option

    protocol = load_protocol(command.protocol)
    if command.guard is not None:
        name = f"{protocol.name}-{command.guard.stem}"
        zone = zone_option(load_json(command.guard))
        protocol = replace(protocol, name=name, zone=zone, guarded=True)
    if command.episodes not in (None, protocol.episodes):
        name = f"{protocol.name}-{command.episodes}-episodes"
        protocol = replace(protocol, name=name, episodes=command.episodes)
    return replace(protocol, name=protocol.name + suffix_of(command.agent))


def _evaluate(command: Command, protocol: Protocol) -> Evaluation:
    from telos.envs import make_world
    from telos.evaluation.actors import actor_from_run
    from telos.evaluation.evaluate import evaluate
    from telos.evaluation.extents import extent_of

    num_envs = min(command.num_envs, protocol.episodes)
    world = make_world(protocol.world, num_envs=num_envs, **protocol.world_options)
    with contextlib.closing(world):
        actor = actor_from_run(
            command.run,
            world,
            protocol,
            device=command.common.device,
            deliberation=deliberation_of(command.agent),
        )
        with named_bars(command.common) as progress:
            evaluation = evaluate(
                world,
                actor,
                protocol,
                baselines=not command.no_baselines,
                extent=extent_of(world.spec),
                progress=progress,
            )
    if command.data is None:
        return evaluation
    return with_model(command, evaluation, actor.parts)


def with_model(
    command: Command, evaluation: Evaluation, parts: AgentParts
) -> Evaluation:
    """An evaluation with what is measured on recorded episodes."""
    from telos.data.store import EpisodeFile
    from telos.evaluation.model import measure_model
    from telos.evaluation.open_loop import LabelReadOut
    from telos.world_model import untrained

    assert command.data is not None
    readout = parts.readouts.get("position")
    label = None
    if readout is not None:
        label = LabelReadOut(read=readout, label="position", unit=readout.unit)
    recording = EpisodeFile(command.data).stream()
    seed = command.common.seed
    control = untrained(parts.model, seed)
    measures = measure_model(parts.model, recording, label, control=control, seed=seed)
    return evaluation.with_model(measures.open_loop, measures.probes)


def _show(result: dict[str, Any], path: Path) -> None:
    from rich.console import Console

    from telos.evaluation.summary import lines

    console = Console(highlight=False, markup=False)
    for line in lines(result):
        console.print(line)
    console.print(f"written          {path}")
