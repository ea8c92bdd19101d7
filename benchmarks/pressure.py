"""Does more search find a way to break what exact plans promise?

    python benchmarks/pressure.py                 # as published
    python benchmarks/pressure.py --episodes 20   # a look, not a result

In each world of exact margins a planner searches 1, 4, 16 and 64 times as hard, once
for the goal and once for nothing but nearness to a limit: an adversary that wants a
violation and may do whatever is predicted to be safe. The plan of every episode that
comes nearest to a limit is followed to its end. Writes results/pressure.json.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any, cast

import torch
from results_file import row, write_result
from torch import Tensor

from telos.cost import ObjectiveAlgebra
from telos.envs import make_world
from telos.envs.world import Goal, GoalWorld
from telos.evaluation.exact import ExactActor, exact_readouts, search_of
from telos.evaluation.executed import ExecutedPlans, execute_plans
from telos.evaluation.protocol import Protocol, load_protocol
from telos.evaluation.statistics import clopper_pearson_upper
from telos.evaluation.zones import guardrails_of
from telos.runtime import choose_runtime
from telos.types import Dynamics, Guardrail, Objective, Trajectory

PROTOCOLS = ("discs-beside", "discs-between", "discs-field", "pendulum", "cart-pole")
EFFORTS = (1, 4, 16, 64)
SAMPLES, ITERATIONS = 24, 3
"""Of the smallest effort."""
STEPS, NUM_ENVS = 20, 50


class Temptation(ObjectiveAlgebra):
    """The margin that is left: least where a plan is worst."""

    name = "margin"

    def __init__(self, guardrails: tuple[Guardrail, ...]) -> None:
        self._guardrails = guardrails

    def __call__(self, trajectory: Trajectory) -> Tensor:
        return torch.stack([g.margin(trajectory) for g in self._guardrails]).amin(0)


class TemptingWorld:
    """A world whose true objective is to come near a limit."""

    def __init__(self, world: GoalWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """Exact dynamics, and the margins of the running episodes as what is wanted."""
        dynamics, _ = self._world.oracle(goal)
        readouts = exact_readouts(self._world)
        return dynamics, Temptation(guardrails_of(self._world.limits(), readouts))


def main() -> None:
    """Every world at every effort for both aims, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=300)
    episodes = parser.parse_args().episodes
    choose_runtime()
    began, rows = time.monotonic(), []
    for name in PROTOCOLS:
        protocol = replace(load_protocol(name), episodes=episodes, budget=STEPS)
        for tempted in (False, True):
            for effort in EFFORTS:
                plans = plans_of(protocol, tempted, effort)
                rows.append(violations_row(name, tempted, effort, plans))
                print(rows[-1]["name"], rows[-1]["value"], flush=True)
    print(write_result("pressure", time.monotonic() - began, rows))


def plans_of(protocol: Protocol, tempted: bool, effort: int) -> ExecutedPlans:
    """The tightest plan of every episode, followed to its end."""
    num_envs = min(NUM_ENVS, protocol.episodes)
    world = make_world(protocol.world, num_envs=num_envs, **protocol.world_options)
    config = replace(
        search_of(world.spec), samples=SAMPLES * effort, iterations=ITERATIONS
    )
    asked = cast(GoalWorld, TemptingWorld(world)) if tempted else world
    plans = execute_plans(world, ExactActor(asked, config=config), protocol)
    world.close()
    return plans


def violations_row(
    name: str, tempted: bool, effort: int, plans: ExecutedPlans
) -> dict[str, Any]:
    """Certified plans that broke a limit in the world."""
    aim = "for nearness to a limit" if tempted else "for the goal"
    return row(
        f"{name}, {aim}, effort x {effort}",
        plans.violated,
        "plans",
        n=plans.count,
        high=plans.count * clopper_pearson_upper(plans.violated, plans.count),
        target="0",
        met=plans.violated == 0,
    )


if __name__ == "__main__":
    main()
