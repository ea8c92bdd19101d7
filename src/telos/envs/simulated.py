"""What worlds share whose whole truth is a state that one function advances."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from telos.envs.checks import (
    check_actions,
    check_count,
    check_option,
    check_seeds,
    check_started,
)
from telos.envs.errors import NotOfferedError
from telos.envs.exact import ExactDynamics, ExactStep
from telos.envs.factors import Option, Table, check_factors, draw_look
from telos.envs.limits import Limit
from telos.envs.mixture import MixturePolicy
from telos.envs.random_policy import RandomPolicy
from telos.envs.regulator import (
    Body,
    Error,
    Regulator,
    RegulatorObjective,
    RegulatorPolicy,
    Weights,
    regulate,
)
from telos.envs.visiting import VisitPolicy
from telos.envs.world import Goal, Step, WorldSpec
from telos.types import Dynamics, Objective, Policy, Streams

WANDER_CORRELATION = 0.9
VISITS = 0.7
"""Share of the episodes of ``mixed`` that visit places instead of wandering."""


class SimulatedWorld(ABC):
    """A subclass says what the state is, where it starts, how it looks, what is wanted.

    States are (B, D) float64; actions are symmetric about 0.
    """

    success_radius: ClassVar[float]
    goal_rules: ClassVar[tuple[str, ...]]
    behaviours: ClassVar[tuple[str, ...]] = ("mixed", "visit", "random", "wander")
    exact_dims: ClassVar[Mapping[str, tuple[int, ...]]]
    """Where an exact state holds a label."""
    weights: ClassVar[Weights]
    """What the objective of ``oracle`` charges."""
    factors: ClassVar[Table]
    """What may look different; an option of the same name says what does."""

    def __init__(
        self,
        num_envs: int,
        spec: WorldSpec,
        step: ExactStep,
        factors: Option | None = None,
    ) -> None:
        check_count("num_envs", num_envs)
        self._varied = dict(factors or {})
        check_factors(self.factors, self._varied)
        self._num_envs, self._spec, self._physics = num_envs, spec, step
        self._states = np.zeros((0, 0))
        self._ended = np.zeros(0, bool)
        self._rules: tuple[Limit, ...] = ()

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return self._num_envs

    def reset(self, seeds: Sequence[int]) -> Step:
        """Start B new episodes; the seed alone decides each."""
        seeds = check_seeds(seeds, self._num_envs)
        self._look = draw_look(self.factors, self._varied, seeds)
        self._states = self._begin(seeds)
        self._rules = self._limits()
        self._ended = np.zeros(self._num_envs, bool)
        return self._show(self._states)

    def step(self, actions: np.ndarray) -> Step:
        """Advance by (B, A) actions, clipped to the bounds; ended ones stand still."""
        check_started(self._states)
        actions = check_actions(actions, self._num_envs, self._spec.action_dim)
        unit = np.clip(actions / self._spec.action_high, -1.0, 1.0)
        before = self._states
        moved = self._physics(torch.from_numpy(before), torch.from_numpy(unit)).numpy()
        self._states = np.where(self._ended[:, None], before, moved)
        self._ended = self._ended | self._is_over(self._states)
        return self._show(before)

    def layout(self) -> list[dict[str, float]]:
        """The factors that are named; nothing else varies but where episodes start."""
        check_started(self._states)
        return [self._look.row(index) for index in range(self._num_envs)]

    def limits(self) -> list[list[dict[str, Any]]]:
        """What must hold in each running episode."""
        check_started(self._states)
        rows = range(self._num_envs)
        return [[limit.entry(row) for limit in self._rules] for row in rows]

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        """Goals at rest for the running episodes."""
        check_started(self._states)
        check_option("goal rule", rule, self.goal_rules)
        seeds = check_seeds(seeds, self._num_envs)
        rngs = [np.random.default_rng([seed, 2]) for seed in seeds]
        goals = [self._goal(rule, rng, row) for row, rng in enumerate(rngs)]
        return self._goal_at(np.stack(goals))

    @abstractmethod
    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) distance to the goal in the unit of the success radius."""

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) the distance: no walls are in the way, limits are not gone around."""
        return self.distance(labels, goal)

    def behaviour(self, name: str) -> Policy:
        """``visit``, ``random``, ``wander``, or ``mixed``: mostly visit."""
        check_option("behaviour", name, self.behaviours)
        bounds = self._spec.action_low, self._spec.action_high
        if name == "random":
            return RandomPolicy(*bounds)
        wander = RandomPolicy(*bounds, WANDER_CORRELATION)
        if name == "wander":
            return wander
        visit = VisitPolicy(self._place, self._regulator, self._body)
        return visit if name == "visit" else MixturePolicy(visit, wander, VISITS)

    def greedy(self, goal: Goal) -> Policy:
        """The floor: feedback straight towards the goal, ignoring limits."""
        return RegulatorPolicy(self._regulator(self._state_of(goal.labels)), self._body)

    def expert(self, goal: Goal) -> Policy:
        """Not offered: no script keeps the limits."""
        raise NotOfferedError(
            f"{self._spec.id} has no scripted expert: use oracle(goal), which plans "
            "with exact dynamics, as the ceiling."
        )

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """Exact dynamics and the linear-quadratic cost of getting to the goal."""
        check_started(self._states)
        regulator = self._regulator(self._state_of(goal.labels))
        objective = RegulatorObjective(regulator, self.weights, self._error)
        return ExactDynamics(self._physics), objective

    def exact_state(self) -> np.ndarray:
        """(B, 1, D) float64 state."""
        check_started(self._states)
        return self._states[:, None].copy()

    def close(self) -> None:
        """End the episodes; there is nothing to release."""
        self._states = self._states[:0]

    @abstractmethod
    def _begin(self, seeds: Sequence[int]) -> np.ndarray:
        """(B, D) first states of the episodes, each from its own seed."""

    @abstractmethod
    def _goal(self, rule: str, rng: np.random.Generator, row: int) -> np.ndarray:
        """(D,) state of rest that is the goal of one environment."""

    @abstractmethod
    def _place(self, rng: np.random.Generator) -> np.ndarray:
        """(D,) state of rest that ``visit`` goes to."""

    @abstractmethod
    def _state_of(self, labels: Streams) -> np.ndarray:
        """(B, D) float64 states of labels."""

    @abstractmethod
    def _observe(self, states: np.ndarray) -> dict[str, np.ndarray]:
        """Streams of (B, D) states."""

    @abstractmethod
    def _limits(self) -> tuple[Limit, ...]:
        """What must hold in the episodes just begun."""

    @property
    def _error(self) -> Error | None:
        """What counts as an error of the state, if not the difference."""
        return None

    def _rest(self, targets: np.ndarray) -> np.ndarray:
        """(N, A) actions in [-1, 1] that hold (N, D) targets."""
        return np.zeros((len(targets), self._spec.action_dim))

    def _is_over(self, states: np.ndarray) -> np.ndarray:
        """(B,) whether an episode cannot go on."""
        return np.zeros(len(states), bool)

    def _quantities(self, states: np.ndarray) -> dict[str, np.ndarray]:
        """Label -> (B, q) float64 of (B, D) states: what limits are about."""
        return {label: states[:, dims] for label, dims in self.exact_dims.items()}

    def _labels(self, states: np.ndarray) -> dict[str, np.ndarray]:
        """Labels of (B, D) states, in the shapes of the spec."""
        shapes = {name: label.shape for name, label in self._spec.labels.items()}
        values = self._quantities(states)
        return {
            name: values[name].reshape(-1, *shape).astype(np.float32)
            for name, shape in shapes.items()
        }

    @property
    def _body(self) -> Body:
        high = self._spec.action_high.astype(np.float64)
        return Body(state_of=self._state_of, high=high, error=self._error)

    def _regulator(self, targets: np.ndarray) -> Regulator:
        return regulate(self._physics, targets, self._rest(targets), self.weights)

    def _goal_at(self, states: np.ndarray) -> Goal:
        return Goal(observations=self._observe(states), labels=self._labels(states))

    def _show(self, before: np.ndarray) -> Step:
        start, end = self._quantities(before), self._quantities(self._states)
        return Step(
            observations=self._observe(self._states),
            labels=self._labels(self._states),
            terminated=self._ended.copy(),
            margins={
                limit.name: limit.margin(start[limit.label], end[limit.label])
                for limit in self._rules
            },
        )
