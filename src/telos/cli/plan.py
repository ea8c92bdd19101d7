"""`telos plan`: one episode towards a goal inside guardrails, filmed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    from telos.envs.world import GoalWorld
    from telos.evaluation.protocol import Protocol
    from telos.evaluation.results import EpisodeResults, Trace

EXAMPLES = """
telos plan runs/rooms --video out.mp4
telos plan runs/rooms --goal goal.png --video out.mp4
telos plan runs/rooms --guard zones.json --seed 7 --video out.mp4
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Act for one episode towards a goal, and say what every decision was worth."""

    run: tyro.conf.Positional[Path]
    """Run folder."""
    goal: str = "random"
    """`random` (a goal of the protocol's rule) or an image of the goal (.png)."""
    guard: Path | None = None
    """Zones file with one keep-out zone."""
    video: Path | None = None
    """Film with imagined futures and zones drawn in (.mp4)."""
    protocol: str = "rooms-random"
    """Says the world, the budget and the radius."""
    steps: int | None = None
    """Steps at most; the protocol's budget by default."""
    fps: int = 20
    """Frames per second of the film."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Act, print a line per decision, write the film, return the outcome."""
    from telos.config import jsonable

    _check(command)
    protocol = protocol_of(command)
    results = _act(command, protocol)
    episode = results.episodes[0]
    if command.video is not None:
        _write(command, protocol, results.traces[0])
    if not command.common.json:
        _show(command, protocol, results)
    return {**jsonable(episode), "video": command.video and str(command.video)}


def protocol_of(command: Command) -> Protocol:
    """One episode of the protocol, with what the command line changes in it."""
    from telos.config import load_json
    from telos.evaluation.protocol import load_protocol
    from telos.evaluation.zones import zone_option

    protocol = load_protocol(command.protocol)
    zone = protocol.zone
    if command.guard is not None:
        zone = zone_option(load_json(command.guard))
    return replace(
        protocol,
        episodes=1,
        first_seed=protocol.first_seed + command.common.seed,
        budget=command.steps or protocol.budget,
        zone=zone,
    )


def _check(command: Command) -> None:
    """Refuse before acting what would fail after it."""
    if command.video is not None and command.video.suffix != ".mp4":
        raise ValueError(f"the film {str(command.video)!r} must end in .mp4")
    if command.goal != "random" and not Path(command.goal).is_file():
        raise FileNotFoundError(
            f"no goal image {command.goal!r}; give the path of an image, or `random`"
        )


def _act(command: Command, protocol: Protocol) -> EpisodeResults:
    from telos.envs import make_world
    from telos.evaluation.actors import actor_from_run
    from telos.evaluation.episodes import run_episodes

    world = make_world(protocol.world, num_envs=1, **protocol.world_options)
    with contextlib.closing(world):
        actor = actor_from_run(
            command.run, world, protocol, device=command.common.device
        )
        goal = _goal_world(command, world)
        return run_episodes(goal, actor, protocol, num_traces=1)


def _goal_world(command: Command, world: GoalWorld) -> GoalWorld:
    """The world itself, or one that poses the goal of an image."""
    from telos.evaluation.goal_image import ImageGoalWorld, read_goal

    if command.goal == "random":
        return world
    size = world.spec.streams["pixels"].shape
    return ImageGoalWorld(world, read_goal(Path(command.goal), size))


def _write(command: Command, protocol: Protocol, trace: Trace) -> None:
    from telos.evaluation.drawing import Extent
    from telos.evaluation.extents import EXTENTS
    from telos.evaluation.film import film
    from telos.evaluation.video import write_mp4

    assert command.video is not None
    numbers = EXTENTS.get(protocol.world)
    extent = None if numbers is None else Extent.of(numbers)
    write_mp4(command.video, film(trace, extent), command.fps)


def _show(command: Command, protocol: Protocol, results: EpisodeResults) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    episode = results.episodes[0]
    for trace in results.traces:
        for step, status in zip(trace.decision_steps, trace.status, strict=True):
            x, y = trace.positions[step]
            console.print(f"step {step:>4}  at ({x:.1f}, {y:.1f})  {status}")
    outcome = "reached" if episode.success else "missed"
    console.print(
        f"goal {outcome}: {episode.final_distance:.2f} {protocol.unit} away after "
        f"{episode.steps} steps"
    )
    if episode.min_margin is not None:
        console.print(f"smallest true margin {episode.min_margin:.2f} {protocol.unit}")
    if command.video is not None:
        console.print(f"film {command.video}")
