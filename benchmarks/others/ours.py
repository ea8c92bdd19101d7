"""The planners of telos, asked like the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from others.question import Effort, Propose, Question, TimedDynamics, TimedObjective
from telos.actor import CEM, ICEM, MPPI, CEMConfig, ICEMConfig, MPPIConfig
from telos.runtime import generators
from telos.types import Planner


def icem(effort: Effort) -> ICEM:
    """Its rounds shrink: as many candidates in all as the others have."""
    wanted = effort.samples * effort.iterations
    samples = effort.samples

    def total(samples: int) -> int:
        config = ICEMConfig(samples=samples)
        return sum(config.population(samples, i) for i in range(effort.iterations))

    while total(samples + 1) <= wanted:
        samples += 1
    return ICEM(ICEMConfig(**{**_sizes(effort), "samples": samples}))


def cem(effort: Effort) -> CEM:
    """As it comes."""
    return CEM(CEMConfig(**_sizes(effort)))


def mppi(effort: Effort) -> MPPI:
    """As it comes; the last mean is evaluated beyond the effort."""
    return MPPI(MPPIConfig(**_sizes(effort)))


PLANNERS = {"telos iCEM": icem, "telos CEM": cem, "telos MPPI": mppi}


def asked(planner: Planner) -> Propose:
    """A planner that is timed like any other."""
    made: dict[int, Sequence[torch.Generator]] = {}

    def propose(question: Question) -> Tensor:
        clock = question.clock
        dynamics: Any = question.dynamics
        objective: Any = question.objective
        if clock.running:
            dynamics = TimedDynamics(dynamics, clock)
            objective = TimedObjective(objective, clock)
        count = len(question.state)
        if count not in made:
            made[count] = generators(range(count))
        plan = planner.plan(
            dynamics,
            question.state,
            objective,
            init=question.init,
            generators=made[count],
        )
        return plan.actions

    return propose


def _sizes(effort: Effort) -> dict[str, int]:
    return {
        "samples": effort.samples,
        "iterations": effort.iterations,
        "horizon": effort.horizon,
    }
