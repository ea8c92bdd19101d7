"""Which planner? Exact models, equal numbers of model evaluations, 1,000 starts each.

    python benchmarks/planners.py              # everything
    python benchmarks/planners.py --starts 50  # a look, not a result

Writes results/planners.json. The optimum is that of sequential quadratic programming
(scipy) on the same problem. Whether a safe plan was evaluated is watched from outside:
the planner's own archive is not asked.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from exact_problems import PROBLEMS, Problem, optimum
from results_file import row, write_result
from torch import Tensor

from telos.agent import PLANNERS
from telos.evaluation.statistics import bootstrap_mean
from telos.runtime import choose_runtime
from telos.types import Budget, Plan, Trajectory

STARTS, REFERENCES = 1000, 50
BATCH = 250
CANDIDATES = 1000
"""Model evaluations of a plan, in rollouts."""
DESCENTS = ("gradient", "grasp", "augmented-lagrangian")


class Watched:
    """A dynamics that notes for which environments a safe candidate was imagined."""

    def __init__(self, problem: Problem, batch: int) -> None:
        self.problem = problem
        self.any_safe = torch.zeros(batch, dtype=torch.bool)

    def rollout(
        self,
        state: Tensor,
        actions: Tensor,
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """Imagine, and look whether everything holds."""
        trajectory = self.problem.dynamics.rollout(state, actions, futures, generator)
        if actions.shape[2] == self.problem.horizon:
            with torch.no_grad():
                self.any_safe |= safe(self.problem, trajectory).any(1)
        return trajectory


def safe(problem: Problem, trajectory: Trajectory) -> Tensor:
    """(B, S) whether a candidate is within its bounds and keeps every margin."""
    held = (trajectory.actions.abs() <= 1).flatten(2).all(-1)
    for guardrail in problem.guardrails:
        held &= (guardrail.margin(trajectory) > 0).flatten(2).all(-1)
    return held


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one planner did with one problem."""

    cost: np.ndarray
    unsafe: int
    """Plans that are unsafe although a safe candidate was evaluated."""
    evaluations: float
    milliseconds: float


def planner_of(name: str, problem: Problem) -> Any:
    """The planner with settings that suit the budget: no problem has its own."""
    settings = {"samples": 100, "iterations": 10}
    if name in DESCENTS:
        settings = {"samples": 8, "iterations": 125}
    shape = {"horizon": problem.horizon, "action_dim": problem.action_dim}
    return PLANNERS[name](**settings, **shape)


def solve(name: str, problem: Problem, starts: Tensor) -> Outcome:
    """Plan from every start."""
    planner, plans, unsafe, seconds = planner_of(name, problem), [], 0, 0.0
    for first in range(0, len(starts), BATCH):
        state = starts[first : first + BATCH]
        watched = Watched(problem, len(state))
        generators = [
            torch.Generator().manual_seed(first + i) for i in range(len(state))
        ]
        began = time.perf_counter()
        plan: Plan = planner.plan(
            watched,
            state,
            problem.objective,
            problem.guardrails,
            budget=Budget(evaluations=CANDIDATES * problem.horizon),
            generators=generators,
        )
        seconds += time.perf_counter() - began
        again = problem.dynamics.rollout(state, plan.actions[:, None])
        unsafe += int((watched.any_safe & ~safe(problem, again)[:, 0]).sum())
        plans.append(plan)
    return Outcome(
        cost=torch.cat([p.cost for p in plans]).numpy(),
        unsafe=unsafe,
        evaluations=plans[0].evaluations / problem.horizon,
        milliseconds=1000 * seconds / len(starts),
    )


def rows_of(problem: Problem, starts: int) -> list[dict[str, Any]]:
    """All planners on one problem."""
    state = problem.start(torch.Generator().manual_seed(0), starts)
    count = min(REFERENCES, starts)
    best = np.array([optimum(problem, state[i : i + 1]) for i in range(count)])
    rows = []
    for name in PLANNERS:
        found = solve(name, problem, state)
        over = found.cost[:count] / best - 1
        spread = bootstrap_mean(over, over="starts")
        title = f"{problem.name}, {name}"
        print(
            f"{title:<44} {100 * over.mean():7.1f} %  {found.unsafe} unsafe", flush=True
        )
        rows.append(
            row(
                f"{title}: cost above the optimum",
                float(over.mean()),
                "share",
                n=count,
                low=spread.low,
                high=spread.high,
                target="<= 5 %",
                met=bool(over.mean() <= 0.05),
            )
        )
        rows.append(
            row(
                f"{title}: unsafe plans although a safe one was seen",
                found.unsafe,
                "plans",
                n=starts,
                target="0",
                met=found.unsafe == 0,
            )
        )
    return rows


def main() -> None:
    """Solve every problem with every planner, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=STARTS)
    starts = parser.parse_args().starts
    choose_runtime()
    began = time.monotonic()
    rows = [found for problem in PROBLEMS for found in rows_of(problem, starts)]
    print(write_result("planners", time.monotonic() - began, rows))


if __name__ == "__main__":
    main()
