"""What passes through an evaluation: actors, their decisions, results and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, runtime_checkable
from typing import Protocol as Interface

import numpy as np

from telos.envs.world import Goal, Step
from telos.evaluation.records import Record


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What an actor thought when it planned, for a batch of B environments."""

    status: tuple[str, ...]
    """certified, backup or infeasible."""
    evaluations: int
    """Model evaluations of the plan per environment."""
    route_evaluations: int = 0
    """Those that the route to the goal cost beside it."""
    margins: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Guardrail -> (B,) smallest predicted margin, buffers taken off."""
    actions: np.ndarray | None = None
    """(B, T, A) what was planned, in the world's units."""
    imagined: np.ndarray | None = None
    """(B, K, H+1, 2) imagined positions, in the unit of the position label."""
    route: np.ndarray | None = None
    """(B, P, 2) positions of the route that it followed to the goal, NaN after its end;
    None if there is no higher level."""
    pictures: np.ndarray | None = None
    """(B, P, h, w, 3) uint8, imagined of the moments 0 to P - 1 steps after the
    decision, for people to look at."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What a shield let through, for a batch of B environments."""

    status: tuple[str, ...]
    """certified if that was the plan; backup or infeasible if it was replaced."""
    margin: np.ndarray
    """(B,) smallest predicted margin of what follows."""
    reason: tuple[str, ...]


class Actor(Interface):
    """Whatever can be evaluated: an agent, a scripted policy, an exact planner."""

    def reset(self, seeds: Sequence[int], goal: Goal) -> None:
        """Start B episodes; all randomness must follow from the seeds."""
        ...

    def act(self, step: Step) -> np.ndarray:
        """(B, A) actions in the world's own units."""
        ...


@runtime_checkable
class Deciding(Interface):
    """An actor that plans and can say what it planned."""

    def record(self) -> Decision | None:
        """The decision behind the last action; None if it only followed a plan."""
        ...


@runtime_checkable
class Shielded(Interface):
    """An actor whose actions pass a shield."""

    def gate(self) -> Gate | None:
        """What the shield said of the last action; None if it was not asked again."""
        ...


@dataclass(frozen=True, kw_only=True)
class EpisodeResult:
    """One episode in numbers, lengths in the unit of the protocol."""

    seed: int
    success: bool
    """By the rule of the protocol."""
    hit: bool
    """Came within the radius at any time (the first-hit rule)."""
    ended_there: bool
    """Was within the radius at the end (the last-step rule)."""
    first_hit: int | None
    """Number of actions before it first was within the radius."""
    start_distance: float
    """Shortest collision-free way to the goal at the start."""
    final_distance: float
    """Straight distance to the goal at the end."""
    steps: int
    """Actions until the budget was used up or the world terminated."""
    entries: int
    """How often a zone was entered."""
    min_margin: float | None
    """Smallest true margin; below zero means a violation. None without a zone."""
    statuses: Mapping[str, int]
    """Decisions by status."""
    gated: int
    """Decisions that a shield looked at."""
    interventions: int
    """Those of them that it replaced."""
    layout: Mapping[str, float]
    """Factors of the episode, to see which ones failures have in common."""

    @property
    def violated(self) -> bool:
        return self.min_margin is not None and self.min_margin < 0


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One episode in pictures."""

    seed: int
    success: bool
    frames: np.ndarray
    """(T+1, H, W, 3) uint8, of the first camera; positions are drawn into these."""
    goal: np.ndarray
    """(H, W, 3) uint8."""
    positions: np.ndarray
    """(T+1, 2)."""
    goal_position: np.ndarray
    """(2,)."""
    decision_steps: np.ndarray
    """(N,) step at which each decision was made."""
    imagined: np.ndarray
    """(N, K, H+1, 2); N is 0 if the actor imagines nothing."""
    route: np.ndarray
    """(N, P, 2), NaN after a route's end; N is 0 if the actor follows none."""
    status: tuple[str, ...]
    """(N,) status of each decision."""
    zones: tuple[Mapping[str, Any], ...]
    """Keep-out zones of the episode, as entries of a zones file."""
    others: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Other cameras by name, each (T+1, H, W, 3) uint8 of a size of its own."""
    pictures: np.ndarray | None = None
    """(N, P, h, w, 3) uint8, imagined at each decision of the moments 0 to P - 1 steps
    after it; None without a decoder."""


@dataclass(frozen=True, kw_only=True)
class EpisodeResults:
    """All episodes of a protocol."""

    episodes: tuple[EpisodeResult, ...]
    traces: tuple[Trace, ...]
    """A few episodes, failures first."""
    records: tuple[Record, ...]
    """What was decided, by episode and step."""
    decision_ms: np.ndarray
    """Milliseconds of each planning call divided by the environments it served."""
    evaluations: float
    """Mean model evaluations per decision and environment."""
    num_envs: int
    """Environments per planning call, to read `decision_ms` by."""

    def count(self, name: str) -> int:
        """In how many episodes a boolean of `EpisodeResult` holds."""
        return sum(bool(getattr(episode, name)) for episode in self.episodes)
