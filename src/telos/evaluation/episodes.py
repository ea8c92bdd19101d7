"""Run an actor through the episodes of a protocol and write down what happened.

An episode's seed fixes its layout, start, goal and the actor's random generators, so a
result depends neither on the number of environments that ran side by side nor on its
place among them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from telos.envs.world import GoalWorld, Step
from telos.evaluation.log import BatchLog
from telos.evaluation.protocol import Protocol
from telos.evaluation.records import Record
from telos.evaluation.results import (
    Actor,
    Deciding,
    Decision,
    EpisodeResult,
    EpisodeResults,
    Shielded,
    Trace,
)

Progress = Callable[[int, int], None]
"""Called with the episodes done and the episodes wanted."""


@dataclass(kw_only=True)
class _Tally:
    """What a whole evaluation has collected so far."""

    episodes: list[EpisodeResult] = field(default_factory=list)
    failures: list[Trace] = field(default_factory=list)
    successes: list[Trace] = field(default_factory=list)
    decision_ms: list[float] = field(default_factory=list)
    evaluations: list[int] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


def run_episodes(
    world: GoalWorld,
    actor: Actor,
    protocol: Protocol,
    *,
    num_traces: int = 8,
    progress: Progress | None = None,
) -> EpisodeResults:
    """Run every episode of a protocol, `world.num_envs` at a time.

    Args:
        world: Built with the options of the protocol.
        actor: What is measured.
        protocol: What counts.
        num_traces: Of how many episodes to keep pictures, failures first.
        progress: Called after every batch.
    """
    seeds, tally = protocol.seeds, _Tally()
    for first in range(0, len(seeds), world.num_envs):
        batch = seeds[first : first + world.num_envs]
        log = _run_batch(world, actor, protocol, batch, tally)
        _keep(log, tally, num_traces)
        if progress is not None:
            progress(first + len(batch), len(seeds))
    return EpisodeResults(
        episodes=tuple(tally.episodes),
        traces=_shown(tally.failures, tally.successes, num_traces),
        decision_ms=np.array(tally.decision_ms),
        records=tuple(tally.records),
        evaluations=float(np.mean(tally.evaluations)) if tally.evaluations else 0.0,
        num_envs=world.num_envs,
    )


def _run_batch(
    world: GoalWorld,
    actor: Actor,
    protocol: Protocol,
    seeds: Sequence[int],
    tally: _Tally,
) -> BatchLog:
    """Run one batch; the last one is filled up with copies that are not counted."""
    filled = [*seeds, *[seeds[-1]] * (world.num_envs - len(seeds))]
    step = world.reset(filled)
    goal = world.sample_goals(protocol.goal_rule, filled)
    actor.reset(filled, goal)
    log = BatchLog(world, protocol, seeds, step, goal)
    for _ in range(protocol.budget):
        if not log.running:
            break
        step, decision = _advance(world, actor, step, tally)
        log.add(step, decision, actor.gate() if isinstance(actor, Shielded) else None)
    return log


def _advance(
    world: GoalWorld, actor: Actor, step: Step, tally: _Tally
) -> tuple[Step, Decision | None]:
    """One action; only calls in which the actor decided count for the latency."""
    began = time.perf_counter()
    actions = actor.act(step)
    milliseconds = 1e3 * (time.perf_counter() - began) / world.num_envs
    decision = actor.record() if isinstance(actor, Deciding) else None
    if decision is not None:
        tally.evaluations.append(decision.evaluations + decision.route_evaluations)
    if decision is not None or not isinstance(actor, Deciding):
        tally.decision_ms.append(milliseconds)
    return world.step(actions), decision


def _keep(log: BatchLog, tally: _Tally, wanted: int) -> None:
    """Add the results of a batch, and pictures while there is room for them."""
    tally.records += log.records()
    for row, result in enumerate(log.results()):
        tally.episodes.append(result)
        shelf = tally.successes if result.success else tally.failures
        if len(shelf) < wanted:
            trace = log.trace(row, result.success)
            shelf += [] if trace is None else [trace]


def _shown(
    failures: Sequence[Trace], successes: Sequence[Trace], wanted: int
) -> tuple[Trace, ...]:
    """Failures first, at most half of the pictures while there are successes too."""
    room = max(wanted - len(successes), wanted - wanted // 2)
    return (*failures[:room], *successes)[:wanted]
