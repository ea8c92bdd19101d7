"""How well does an agent act that has 2, 5, 20, 50 or 200 ms for a decision?

    python benchmarks/anytime.py                 # as published
    python benchmarks/anytime.py --episodes 10   # a look, not a result

Acts with the run that benchmarks/rooms.py has trained with seed 0, one episode at a
time, without routes (which are searched outside the budget of the planner), with and
without noise of a tenth of the actions' range. An episode ends when the goal is
reached. Writes results/anytime.json; nothing else may run beside it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from results_file import row, write_result

from telos.agent import Deliberation
from telos.envs import make_world
from telos.envs.disturbed import Disturbance, disturbed
from telos.evaluation.actors import AgentActor, actor_from_run
from telos.evaluation.protocol import Protocol, load_protocol
from telos.evaluation.statistics import wilson
from telos.runtime import choose_runtime

RUN = Path(__file__).parent / "scratch" / "rooms" / "seed-0-effort-2"
MILLISECONDS = (2, 5, 20, 50, 200)
NOISE = 0.1
"""Of the range of an action."""
STEPS = 100


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one budget achieved."""

    reached: int
    episodes: int
    milliseconds: list[float]
    """Of every decision, perception and all."""
    rollouts: float
    """Mean per decision."""


def main() -> None:
    """Every budget with and without noise, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=50)
    episodes = parser.parse_args().episodes
    choose_runtime()
    began = time.monotonic()
    protocol = replace(load_protocol("rooms-random"), episodes=episodes, budget=STEPS)
    rows = []
    for noise in (0.0, NOISE):
        for budget in MILLISECONDS:
            rows += rows_of(budget, noise, act(protocol, budget, noise))
            print(rows[-3]["name"], rows[-3]["value"], flush=True)
    print(write_result("anytime", time.monotonic() - began, rows))


def act(protocol: Protocol, budget: float, noise: float) -> Outcome:
    """All episodes at one budget."""
    world = disturbed(
        make_world(protocol.world, num_envs=1, **protocol.world_options),
        Disturbance(noise=noise),
    )
    deliberation = Deliberation(seconds=budget / 1000, route_every=0)
    actor = actor_from_run(RUN, world, protocol, deliberation=deliberation)
    reached, times, spent = 0, [], []
    for seed in protocol.seeds:
        reached += _episode(world, actor, protocol, seed, times, spent)
    world.close()
    horizon = deliberation.horizon
    return Outcome(
        reached=reached,
        episodes=len(protocol.seeds),
        milliseconds=times,
        rollouts=statistics.mean(spent) / horizon,
    )


def _episode(
    world: Any,
    actor: AgentActor,
    protocol: Protocol,
    seed: int,
    times: list[float],
    spent: list[int],
) -> bool:
    """Act until the goal is reached; notes the time of every decision."""
    step = world.reset([seed])
    goal = world.sample_goals(protocol.goal_rule, [seed])
    actor.reset([seed], goal)
    for _ in range(protocol.budget):
        began = time.perf_counter()
        actions = actor.act(step)
        took = time.perf_counter() - began
        decision = actor.record()
        if decision is not None:
            times.append(1000 * took)
            spent.append(decision.evaluations)
        step = world.step(actions)
        if world.distance(step.labels, goal)[0] <= protocol.radius:
            return True
    return False


def rows_of(budget: float, noise: float, found: Outcome) -> list[dict[str, Any]]:
    """Success, what a decision really took, and how much was imagined in it."""
    title = f"{budget:g} ms" + (f", {100 * noise:g} % action noise" if noise else "")
    rate = wilson(found.reached, found.episodes)
    late = float(np.quantile(found.milliseconds, 0.95))
    return [
        row(
            f"{title}: success",
            rate.value,
            "share",
            n=rate.n,
            low=rate.low,
            high=rate.high,
        ),
        row(f"{title}: decision, 95 % within", late, "ms", n=len(found.milliseconds)),
        row(f"{title}: rollouts a decision", found.rollouts, "rollouts"),
    ]


if __name__ == "__main__":
    main()
