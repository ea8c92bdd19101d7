"""The interface of a batched world: what collect, evaluation and agents step.

A world holds B environments and steps them together. Every array has B as its first
axis. Environments never reset by themselves: a batch runs until the caller resets it,
and an environment that has terminated keeps its last state (a reset on the next step
would put a false transition into a recording).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from telos.types import Dynamics, Objective, Policy, Streams


@dataclass(frozen=True, kw_only=True)
class StreamSpec:
    """Shape (without B), dtype and unit of one stream."""

    shape: tuple[int, ...]
    dtype: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Foresight:
    """How far, wide and long to search with a world's exact dynamics."""

    horizon: int = 20
    """Steps: far enough to see the way around what is forbidden, which the metric of
    most worlds does not know, and to stop before it."""
    sigma: float = 0.8
    """Spread of the first candidates, in shares of the largest action."""
    samples: int = 64
    """Candidates of the first iteration."""
    iterations: int = 3
    """Rounds of candidates; more where an action has a long effect."""
    futures: int = 1
    """Draws of what is hidden that a plan must face; 1 where nothing is random."""


@dataclass(frozen=True, kw_only=True)
class WorldSpec:
    """Everything that a dataset or a checkpoint must know of a world."""

    id: str
    action_low: np.ndarray
    action_high: np.ndarray
    streams: Mapping[str, StreamSpec]
    """What the agent sees."""
    labels: Mapping[str, StreamSpec]
    """Physical quantities for read-outs, probes and success; never a model input."""
    max_steps: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments that rebuild the world, renderer flags included."""
    foresight: Foresight = field(default_factory=Foresight)
    """How the ceiling plans here."""

    @property
    def action_dim(self) -> int:
        return len(self.action_low)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What B environments show after a reset or a step."""

    observations: Streams
    """name -> (B, ...)."""
    labels: Streams
    """name -> (B, ...), for example ``position`` (B, 2) in pixels."""
    terminated: np.ndarray
    """(B,) bool."""
    margins: Streams = field(default_factory=dict)
    """name -> (B,) smallest true margin over the step just made, physical units."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Where B environments should end, as an image and as labels."""

    observations: Streams
    labels: Streams


@runtime_checkable
class World(Protocol):
    """B environments behind one interface."""

    @property
    def spec(self) -> WorldSpec: ...

    @property
    def num_envs(self) -> int: ...

    def reset(self, seeds: Sequence[int]) -> Step:
        """Start B new episodes; the seed alone decides layout and start."""
        ...

    def step(self, actions: np.ndarray) -> Step:
        """Advance by (B, A) actions in the world's units; out of range is clipped."""
        ...

    def layout(self) -> list[dict[str, float]]:
        """Factors fixed for the running episodes, one dictionary per environment."""
        ...

    def limits(self) -> list[list[dict[str, Any]]]:
        """What must hold in the running episodes, a list per environment.

        Each limit is an entry of a zones file (`telos.cost.guardrails.load_zones`) on
        one of the labels, with a ``name`` under which ``Step.margins`` tells the truth
        about it. All environments have the same number of the same types, in the same
        order. Lists are empty where nothing is forbidden.
        """
        ...

    def close(self) -> None: ...


@runtime_checkable
class GoalWorld(World, Protocol):
    """A world that can pose goals and knows the truth about them."""

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        """Goals for the running episodes; rules are listed in ``goal_rules``."""
        ...

    @property
    def goal_rules(self) -> tuple[str, ...]: ...

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) straight distance to the goal in the unit of the success radius."""
        ...

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) shortest collision-free way to the goal in the same unit."""
        ...

    def behaviour(self, name: str) -> Policy:
        """A scripted policy: one of ``behaviours``."""
        ...

    @property
    def behaviours(self) -> tuple[str, ...]: ...

    def greedy(self, goal: Goal) -> Policy:
        """The floor: head straight for the goal, ignoring walls."""
        ...

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """The ceiling: exact dynamics of the running episodes and the true metric.

        The state that the dynamics expects is ``exact_state()``.
        """
        ...

    def exact_state(self) -> np.ndarray:
        """(B, 1, D) present true state for ``oracle``'s dynamics."""
        ...

    @property
    def exact_dims(self) -> Mapping[str, tuple[int, ...]]:
        """Label -> which of the D numbers of an exact state it consists of."""
        ...


@runtime_checkable
class TransparentWorld(Protocol):
    """What a world can also offer to those who look for an agent's weakest link.

    Both may be slow, which is what tells ``simulator`` from ``GoalWorld.oracle``: an
    oracle is fast enough to plan with in every evaluation.
    """

    def simulator(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """Exact dynamics of the running episodes and the true metric, at any price."""
        ...

    def show(self, states: np.ndarray) -> Streams:
        """What would be seen in (B, N, D) exact states: name -> (B, N, ...)."""
        ...
