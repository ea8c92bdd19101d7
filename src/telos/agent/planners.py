"""Planners by name, for settings that are written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from telos.actor import (
    CEM,
    GRASP,
    ICEM,
    MPPI,
    AugmentedLagrangian,
    AugmentedLagrangianConfig,
    CEMConfig,
    Follow,
    Gradient,
    GradientConfig,
    GRASPConfig,
    Hybrid,
    HybridConfig,
    ICEMConfig,
    MPPIConfig,
    RandomShooting,
    RandomShootingConfig,
    SearchConfig,
)
from telos.types import Planner


@dataclass(frozen=True, kw_only=True)
class Deliberation:
    """How an agent searches: the deployed planner and its budget."""

    planner: str = "icem"
    """random-shooting, cem, icem, mppi, gradient, grasp, augmented-lagrangian, hybrid,
    or habit, which does what is usually done without a search."""
    cost: str = "critic"
    """critic (learned distance) or latent (squared latent distance, an ablation)."""
    samples: int = 40
    """Candidates per iteration; starts of a descent."""
    iterations: int = 3
    """Rounds of a search; evaluations of every start of a descent."""
    horizon: int = 10
    futures: int = 1
    """Futures that plans and the shield must be safe in: the most likely one, and draws
    where the world model knows several outcomes."""
    near_futures: int = 16
    """Outcomes of the next step that the shield wants to be safe besides: one step of
    three options, which costs next to nothing. 1 looks at the most likely one alone."""
    seconds: float | None = None
    """Time that a plan of the whole batch may take; the search goes on until then."""
    replan_every: int = 1
    running: float = 1.0
    """Weight of every cost along the plan beside its weight of 1 at the end."""
    memory: int = 64
    """Wrong predictions that are remembered in an episode; 0 remembers none (an
    ablation)."""
    habit: bool = True
    """Whether a search begins with what is usually done on the way to the goal; else
    with what is left of the plan."""
    route_every: int = 8
    """Decisions between searches for a route; 0 goes straight for the goal (an
    ablation)."""


def _random_shooting(**common: Any) -> Planner:
    # No iteration learns from another: all candidates at once.
    samples = common.pop("samples") * common.pop("iterations")
    config = RandomShootingConfig(samples=samples, iterations=1, **common)
    return RandomShooting(config)


def _habit(**common: Any) -> Planner:
    return Follow(SearchConfig(**common | {"samples": 1, "iterations": 1}))


PLANNERS: Mapping[str, Callable[..., Planner]] = {
    "random-shooting": _random_shooting,
    "cem": lambda **common: CEM(CEMConfig(**common)),
    "icem": lambda **common: ICEM(ICEMConfig(**common)),
    "mppi": lambda **common: MPPI(MPPIConfig(**common)),
    "gradient": lambda **common: Gradient(GradientConfig(**common)),
    "grasp": lambda **common: GRASP(GRASPConfig(**common)),
    "augmented-lagrangian": lambda **common: AugmentedLagrangian(
        AugmentedLagrangianConfig(**common)
    ),
    "habit": _habit,
    "hybrid": lambda **common: Hybrid(HybridConfig(search=ICEMConfig(**common))),
}


def make_planner(settings: Deliberation, action_dim: int) -> Planner:
    """The planner that the settings name.

    Raises:
        ValueError: If there is no such planner.
    """
    if settings.planner not in PLANNERS:
        raise ValueError(
            f"planner {settings.planner!r} is unknown; choose from {sorted(PLANNERS)}"
        )
    return PLANNERS[settings.planner](
        samples=settings.samples,
        iterations=settings.iterations,
        horizon=settings.horizon,
        futures=settings.futures,
        seconds=settings.seconds,
        action_dim=action_dim,
    )
