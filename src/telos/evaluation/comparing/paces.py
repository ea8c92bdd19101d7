"""What a step costs, measured for all objectives in the same way: the account.

Processor time on a CPU, so that other programs on the machine cost an objective
nothing; elapsed time on an accelerator, which a processor clock does not see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from telos.data.store import EpisodeFile
from telos.evaluation.comparing.folder import DataFolder
from telos.evaluation.comparing.plan import ComparisonPlan, config_for
from telos.learning.watch_forecast import step_cost
from telos.runtime import Runtime

ROUNDS = 2
"""Each objective is timed so often, in turns; the quicker one counts."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the training of an objective costs."""

    steps: int
    seconds_per_step: float
    parameters: int
    """Trainable numbers, the objective's included."""

    @property
    def seconds(self) -> float:
        """Of all steps."""
        return self.steps * self.seconds_per_step


def accounts(
    plan: ComparisonPlan,
    file: EpisodeFile,
    part: DataFolder,
    variants: Sequence[str],
    runtime: Runtime,
) -> dict[str, Account]:
    """Steps and cost of every variant; what was measured before is kept.

    With equal time, the variant that was first in the folder has the steps that the
    plan says, and the others as many as take as long.
    """
    paces = part.paces()
    costs: dict[str, list[float]] = dict(paces["costs"])
    reference = paces["reference"] or variants[0]
    missing = [name for name in variants if name not in costs]
    for _ in range(ROUNDS if missing else 0):
        for name in missing:
            config = config_for(plan, file, name, 0)
            seconds, size = step_cost(config, file, runtime, clock_of(runtime))
            best = min(seconds, costs[name][0]) if name in costs else seconds
            costs[name] = [best, size]
    part.save_paces({"reference": reference, "costs": costs})
    steps = config_for(plan, file, variants[0], 0).steps
    seconds = {name: cost[0] for name, cost in costs.items()}
    given = (
        equal_time(seconds, reference, steps)
        if plan.equal == "time"
        else dict.fromkeys(costs, steps)
    )
    return {
        name: Account(
            steps=given[name],
            seconds_per_step=costs[name][0],
            parameters=int(costs[name][1]),
        )
        for name in variants
    }


def equal_time(
    seconds: Mapping[str, float], reference: str, steps: int
) -> dict[str, int]:
    """Steps of each variant that take as long as so many of the reference; at least 1.

    Args:
        seconds: Of a step, by variant.
        reference: The variant that has the steps given.
        steps: Its steps.
    """
    budget = steps * seconds[reference]
    return {name: max(1, round(budget / each)) for name, each in seconds.items()}


def clock_of(runtime: Runtime) -> Callable[[], float]:
    """The clock that an account is kept by."""
    return time.process_time if runtime.device == "cpu" else time.monotonic
