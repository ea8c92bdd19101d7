"""Floors and a ceiling, without which a success rate says little.

Two published evaluations of "two rooms" have random floors of 26 % and 60 %: a number
is only worth what lies between its floor and its ceiling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from telos.envs.errors import NotOfferedError
from telos.envs.world import Goal, GoalWorld, Step
from telos.evaluation.episodes import Progress, run_episodes
from telos.evaluation.exact import ExactActor
from telos.evaluation.protocol import Protocol
from telos.evaluation.results import Actor, EpisodeResults
from telos.evaluation.statistics import Rate, wilson
from telos.evaluation.summary import triple
from telos.types import Policy


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The success of something that learned nothing."""

    name: str
    """random, greedy, or what the ceiling is."""
    success: Rate
    violations: int | None
    """Episodes in which a limit was broken; None without limits."""
    safe: int | None
    """Successes without that; None without limits."""


class PolicyActor:
    """A scripted policy, made anew for every goal, as an actor."""

    def __init__(self, make: Callable[[Goal], Policy]) -> None:
        self._make = make
        self._policy: Policy | None = None

    def reset(self, seeds: Sequence[int], goal: Goal) -> None:
        self._policy = self._make(goal)
        self._policy.reset(seeds)

    def act(self, step: Step) -> np.ndarray:
        assert self._policy is not None, "reset() comes before act()"
        return self._policy.act(step.observations, step.labels)


def random_floor(world: GoalWorld) -> Actor:
    """Uniform random actions."""
    return PolicyActor(lambda goal: world.behaviour("random"))


def greedy_floor(world: GoalWorld) -> Actor:
    """Straight for the goal by true positions, ignoring walls."""
    return PolicyActor(world.greedy)


def run_floors(
    world: GoalWorld, protocol: Protocol, progress: Progress | None = None
) -> dict[str, Baseline]:
    """Both floors on the episodes of a protocol."""
    actors = {"random": random_floor(world), "greedy": greedy_floor(world)}
    return {
        name: _measure(name, world, actor, protocol, progress)
        for name, actor in actors.items()
    }


def run_ceiling(
    world: GoalWorld, protocol: Protocol, progress: Progress | None = None
) -> Baseline | None:
    """What planning reaches with exact dynamics and the true metric.

    A world without exact dynamics has its expert measured instead; a world with neither
    has no ceiling (None).
    """
    try:
        actor = ExactActor(world, guarded=protocol.guarded)
        return _measure("exact dynamics", world, actor, protocol, progress)
    except NotOfferedError:
        pass
    expert = getattr(world, "expert", None)
    if expert is None:
        return None
    try:
        return _measure("expert", world, PolicyActor(expert), protocol, progress)
    except NotOfferedError:
        return None


def _measure(
    name: str,
    world: GoalWorld,
    actor: Actor,
    protocol: Protocol,
    progress: Progress | None,
) -> Baseline:
    results = run_episodes(world, actor, protocol, num_traces=0, progress=progress)
    return Baseline(
        name=name,
        success=success_rate(results),
        violations=results.count("violated") if is_guarded(results) else None,
        safe=triple(results)["safe_success"] if is_guarded(results) else None,
    )


def success_rate(results: EpisodeResults) -> Rate:
    """Successes by the rule of the protocol with their interval."""
    return wilson(results.count("success"), len(results.episodes))


def is_guarded(results: EpisodeResults) -> bool:
    """Whether the world reported margins, so that violations could be seen."""
    return any(episode.min_margin is not None for episode in results.episodes)
