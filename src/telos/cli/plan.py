"""`telos plan`: towards a goal inside guardrails, in a world or from an observation."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from telos.cli.common import CommonOptions
from telos.cli.pairs import deliberation_of

if TYPE_CHECKING:
    from telos.agent import AgentParts, Goals
    from telos.evaluation.protocol import Protocol
    from telos.evaluation.results import EpisodeResult, EpisodeResults, Trace

EXAMPLES = """
telos plan runs/rooms --video out.mp4
telos plan runs/rooms --goal goal.png --video out.mp4
telos plan runs/rooms --goal "position.x between 20 and 30" --guard zones.json
telos plan runs/rooms --goal a.png b.png --several sequence
telos plan runs/arm --observation now.png --goal goal.png
telos plan runs/arm --observation demo.h5:12:0 --goal demo.h5:12:80 --guard zones.json
telos plan runs/arm --observation demo.h5:12:0 --goal front=goal.png
"""

RANDOM = "random"
"""The goal is sampled by the protocol's rule."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Plan towards a goal and say what every decision is worth: for one episode in a
    world, or, given an --observation, once and without any world."""

    run: tyro.conf.Positional[Path]
    """Run folder."""
    goal: tuple[str, ...] = (RANDOM,)
    """`random` (a goal of the protocol's rule), or what is wanted: an image (goal.png),
    arrays of streams (goal.npz), a frame of an episode (demo.h5:12:80), one of these
    for a stream or some (front=goal.png or front=goal.png,proprio=goal.npz; streams
    that are not shown do not count), a condition on read-outs ("position.x between 20
    and 30"), a function of your own (goals.py:closed; the file is run), or a list of
    these in a file (goals.json)."""
    several: Literal["any", "sequence"] = "any"
    """What several goals mean: the nearest will do, or one after the other."""
    observation: str | None = None
    """Plan once from here, without a world: an image (now.png), arrays of all streams
    (now.npz), a frame of an episode (demo.h5:12:0) or a file for each stream
    (front=now.png,wrist=close.png,proprio=now.npz); no stream may be missing."""
    resize: bool = False
    """Make larger pictures of goals and of the observation as small as the run sees
    them, by averaging areas; their aspect has to be the same."""
    guard: Path | None = None
    """Zones file; in a world with one keep-out zone."""
    agent: tuple[str, ...] = ()
    """How the agent deliberates where not as usual, as name=value: samples, iterations,
    horizon, futures, near_futures, seconds, planner, cost, running, replan_every,
    route_every, memory, habit."""
    video: Path | None = None
    """Film with imagined futures and zones drawn in (.mp4); of a run with a decoder,
    beside each frame what was imagined of this moment and of the end of the plan."""
    protocol: str = "rooms-random"
    """Says the world, the budget and the radius."""
    steps: int | None = None
    """Steps at most; the protocol's budget by default."""
    fps: int = 20
    """Frames per second of the film."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Act and film, or plan once; print a line per decision, return the outcome."""
    from telos.config import jsonable

    _check(command)
    if command.observation is not None:
        from telos.cli.planned import plan_once

        return plan_once(command)
    protocol = protocol_of(command)
    results = _act(command, protocol)
    episode = results.episodes[0]
    if command.video is not None:
        if not results.traces:
            raise ValueError(f"{protocol.world!r} has no camera that could be filmed")
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


def goals_of(command: Command, parts: AgentParts) -> Goals | None:
    """What the command line asks for; None if the world is to choose.

    Raises:
        ValueError: If a goal cannot be understood.
    """
    from telos.agent import read_goals

    if command.goal == (RANDOM,):
        return None
    goals = read_goals(command.goal, resizing(command, parts), command.several)
    if goals.image is not None and goals.told < 1 and not command.common.json:
        print(
            f"goal shown in {', '.join(goals.image)} alone, which tells "
            f"{100 * goals.told:.0f} % of the state; the rest does not count"
        )
    return goals


def resizing(command: Command, parts: AgentParts) -> AgentParts:
    """Parts that read larger pictures too, if the command line says so."""
    return replace(parts, seen=replace(parts.seen, resize=command.resize))


def _check(command: Command) -> None:
    """Refuse before acting what would fail after it."""
    if command.video is not None and command.video.suffix != ".mp4":
        raise ValueError(f"the film {str(command.video)!r} must end in .mp4")
    if not command.goal or (RANDOM in command.goal and len(command.goal) > 1):
        raise ValueError("give at least one goal, and 'random' only alone")
    if command.observation is None:
        return
    if command.goal == (RANDOM,):
        raise ValueError(
            "without a world nobody samples goals; say what is wanted with --goal, for "
            "example --goal goal.png"
        )
    if command.video is not None:
        raise ValueError("without a world there is nothing to film; leave out --video")


def _act(command: Command, protocol: Protocol) -> EpisodeResults:
    from telos.envs import make_world
    from telos.evaluation.actors import actor_from_run
    from telos.evaluation.episodes import run_episodes
    from telos.runs import Run
    from telos.world_model import load_decoder

    world = make_world(protocol.world, num_envs=1, **protocol.world_options)
    with contextlib.closing(world):
        actor = actor_from_run(
            command.run,
            world,
            protocol,
            device=command.common.device,
            deliberation=deliberation_of(command.agent),
        )
        actor.goals = goals_of(command, actor.parts)
        if command.video is not None:
            actor.decoder = load_decoder(Run.open(command.run))
        results = run_episodes(world, actor, protocol, num_traces=1)
        return results if actor.goals is None else without_truth(results, actor.goals)


def without_truth(results: EpisodeResults, goals: Goals) -> EpisodeResults:
    """Results of an episode towards a goal whose true position nobody knows."""
    import numpy as np

    from telos.evaluation.log import camera_names

    unknown = {"success": False, "hit": False, "ended_there": False, "first_hit": None}
    nan = float("nan")
    episodes = tuple(
        replace(episode, final_distance=nan, start_distance=nan, **unknown)
        for episode in results.episodes
    )

    def shown(trace: Trace) -> np.ndarray:
        cameras = camera_names(goals.image or {})
        image = None if goals.image is None or not cameras else goals.image[cameras[0]]
        fits = image is not None and image.shape[1:] == trace.goal.shape
        return image[0] if image is not None and fits else np.zeros_like(trace.goal)

    traces = tuple(
        replace(trace, goal=shown(trace), goal_position=np.full(2, nan))
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
        return f"{episode.steps} steps towards the goal; its true place is not known"
    word = "reached" if episode.success else "missed"
    distance = f"{episode.final_distance:.2f} {unit}"
    return f"goal {word}: {distance} away after {episode.steps} steps"
