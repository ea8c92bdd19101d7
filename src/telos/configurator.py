"""The configurator: from a task to how the agent deliberates about it.

Pure data in, pure data out. A task may change weights, horizon and effort freely, and
guardrails in one direction only: it can add or tighten one, never loosen or drop it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from telos.actor.icem import ICEM, ICEMConfig
from telos.actor.random_shooting import RandomShooting, RandomShootingConfig
from telos.cost.compose import Scaled, Sum
from telos.cost.guardrails.base import PhysicalGuardrail
from telos.types import Objective, Planner

PlannerConfig = ICEMConfig | RandomShootingConfig


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked of the agent this time. None keeps the standing choice."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """Objective name -> weight; others keep theirs. 0 switches an objective off."""
    horizon: int | None = None
    """Model steps to look ahead."""
    samples: int | None = None
    """Candidates per iteration of the planner."""
    iterations: int | None = None
    """Iterations of the planner."""
    replan_every: int | None = None
    """Model steps between searches."""
    guardrails: tuple[PhysicalGuardrail, ...] = ()
    """Guardrails beside the standing ones."""
    tighten: Mapping[str, float] = field(default_factory=dict)
    """Guardrail name -> extra buffer >= 0, in that guardrail's unit."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """How the agent deliberates. Start from one, let tasks adapt it."""

    planner: PlannerConfig = field(default_factory=ICEMConfig)
    weights: Mapping[str, float] = field(default_factory=lambda: {"goal": 1.0})
    """Objective name -> weight."""
    guardrails: tuple[PhysicalGuardrail, ...] = ()
    replan_every: int = 1
    """Model steps between searches."""

    @property
    def digests(self) -> dict[str, str]:
        """Fingerprint of every guardrail, to compare before and after anything."""
        return {guardrail.name: guardrail.digest for guardrail in self.guardrails}

    def build_planner(self) -> Planner:
        """The planner that this configuration describes."""
        if isinstance(self.planner, ICEMConfig):
            return ICEM(self.planner)
        return RandomShooting(self.planner)

    def build_objective(self, offered: Mapping[str, Objective]) -> Objective:
        """The weighted sum of the objectives on offer.

        Args:
            offered: Objective by the name that `weights` uses.

        Raises:
            ValueError: If a weight names no objective, or all weights are 0.
        """
        unknown = sorted(set(self.weights) - set(offered))
        if unknown:
            raise ValueError(
                f"weights name {', '.join(unknown)}; on offer: {', '.join(offered)}."
            )
        active = {name: weight for name, weight in self.weights.items() if weight}
        if not active:
            raise ValueError("all weights are 0; give at least one objective a weight.")
        return Sum(tuple(Scaled(offered[name], w) for name, w in active.items()))


class Configurator:
    """Adapts a standing configuration to a task."""

    def __init__(self, standing: Configuration) -> None:
        self.standing = standing

    def configure(self, task: Task) -> Configuration:
        """What the agent should do about this task.

        Raises:
            ValueError: On a weight that is negative or not finite, a name that means
                no or another guardrail, or an attempt to loosen one.
        """
        return Configuration(
            planner=_adapt_planner(self.standing.planner, task),
            weights=_merge_weights(self.standing.weights, task.weights),
            guardrails=_merge_guardrails(self.standing.guardrails, task),
            replan_every=(
                self.standing.replan_every
                if task.replan_every is None
                else task.replan_every
            ),
        )


def _adapt_planner(planner: PlannerConfig, task: Task) -> PlannerConfig:
    wanted = {
        "horizon": task.horizon,
        "samples": task.samples,
        "iterations": task.iterations,
    }
    return replace(
        planner, **{name: value for name, value in wanted.items() if value is not None}
    )


def _merge_weights(
    standing: Mapping[str, float], wanted: Mapping[str, float]
) -> dict[str, float]:
    for name, weight in wanted.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"weight of {name!r} is {weight}; expected a number >= 0.")
    return {**standing, **wanted}


def _merge_guardrails(
    standing: tuple[PhysicalGuardrail, ...], task: Task
) -> tuple[PhysicalGuardrail, ...]:
    """All standing and all new guardrails, some of them tighter."""
    merged = {guardrail.name: guardrail for guardrail in standing}
    for guardrail in task.guardrails:
        known = merged.get(guardrail.name)
        if known is not None and known.digest != guardrail.digest:
            raise ValueError(
                f"the task brings another guardrail called {guardrail.name!r}; the "
                "standing one is not replaced. Name it differently, or use tighten."
            )
        merged[guardrail.name] = guardrail
    unknown = sorted(set(task.tighten) - set(merged))
    if unknown:
        raise ValueError(
            f"tighten names {', '.join(unknown)}; guardrails are: "
            f"{', '.join(merged) or 'none'}."
        )
    return tuple(
        guardrail.tighten(task.tighten.get(name, 0.0))
        for name, guardrail in merged.items()
    )
