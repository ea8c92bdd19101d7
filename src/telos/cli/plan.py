"""`telos plan`: one episode towards a goal inside guardrails, filmed."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from telos.cli.common import CommonOptions
from telos.cli.pairs import deliberation_of

if TYPE_CHECKING:
    import numpy as np

    from telos.evaluation.protocol import Protocol
    from telos.evaluation.results import EpisodeResult, EpisodeResults, Trace

EXAMPLES = """
telos plan runs/rooms --video out.mp4
telos plan runs/rooms --goal goal.png --video out.mp4
telos plan runs/rooms --guard zones.json --seed 7 --video out.mp4
"""

RANDOM = "random"
"""The goal is sampled by the protocol's rule."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Act for one episode towards a goal, and say what every decision was worth."""

    run: tyro.conf.Positional[Path]
    """Run folder."""
    goal: str = RANDOM
    """`random` (a goal of the protocol's rule) or an image of the goal (.png)."""
    guard: Path | None = None
    """Zones file with one keep-out zone."""
    agent: tuple[str, ...] = ()
    """How the agent deliberates where not as usual, as name=value: samples, iterations,
    horizon, futures, near_futures, seconds, planner, cost, running, replan_every,
    route_every, memory."""
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
        if not results.traces:
            raise ValueError(f"{protocol.world!r} shows no pixels that could be filmed")
        _write(command.video, protocol, results.traces[0], command.fps)
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


def _act(command: Command, protocol: Protocol) -> EpisodeResults:
    from telos.envs import make_world
    from telos.evaluation.actors import actor_from_run, pursuing, read_goal
    from telos.evaluation.episodes import run_episodes

    world = make_world(protocol.world, num_envs=1, **protocol.world_options)
    with contextlib.closing(world):
        image = None
        if command.goal != RANDOM:
            image = read_goal(Path(command.goal), world.spec.streams["pixels"].shape)
        actor = actor_from_run(
            command.run,
            world,
            protocol,
            device=command.common.device,
            deliberation=deliberation_of(command.agent),
        )
        results = run_episodes(world, pursuing(actor, image), protocol, num_traces=1)
        return results if image is None else without_truth(results, image)


def without_truth(results: EpisodeResults, image: np.ndarray) -> EpisodeResults:
    """Results of an episode towards an image, whose true position nobody knows."""
    import numpy as np

    unknown = {"success": False, "hit": False, "ended_there": False, "first_hit": None}
    nan = float("nan")
    episodes = tuple(
        replace(episode, final_distance=nan, start_distance=nan, **unknown)
        for episode in results.episodes
    )
    traces = tuple(
        replace(trace, goal=image, goal_position=np.full(2, nan))
        for trace in results.traces
    )
    return replace(results, episodes=episodes, traces=traces)


def _write(path: Path, protocol: Protocol, trace: Trace, fps: int) -> None:
    from telos.evaluation.drawing import Extent
    from telos.evaluation.extents import EXTENTS
    from telos.evaluation.film import film
    from telos.evaluation.video import write_mp4

    numbers = EXTENTS.get(protocol.world)
    extent = None if numbers is None else Extent.of(numbers)
    write_mp4(path, film(trace, extent), fps)


def _show(command: Command, protocol: Protocol, results: EpisodeResults) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    for trace in results.traces:
        for step, status in zip(trace.decision_steps, trace.status, strict=True):
            x, y = trace.positions[step]
            console.print(f"step {step:>4}  at ({x:.1f}, {y:.1f})  {status}")
    episode = results.episodes[0]
    console.print(outcome(episode, protocol.unit))
    if episode.min_margin is not None:
        console.print(f"smallest true margin {episode.min_margin:.2f} {protocol.unit}")
    if command.video is not None:
        console.print(f"film {command.video}")


def outcome(episode: EpisodeResult, unit: str) -> str:
    """How the episode ended, in a line."""
    if math.isnan(episode.final_distance):
        return f"{episode.steps} steps towards the image; its true place is not known"
    word = "reached" if episode.success else "missed"
    distance = f"{episode.final_distance:.2f} {unit}"
    return f"goal {word}: {distance} away after {episode.steps} steps"
