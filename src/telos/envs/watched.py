"""Worlds without an agent: something happens, and all one can do is watch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

import numpy as np

from telos.envs.checks import (
    check_actions,
    check_count,
    check_option,
    check_seeds,
    check_started,
)
from telos.envs.errors import NotOfferedError
from telos.envs.random_policy import RandomPolicy
from telos.envs.world import Goal, Step, StreamSpec, WorldSpec
from telos.types import Policy, Streams


@dataclass(frozen=True, kw_only=True)
class Reel:
    """What B environments will show, from the first frame to the last."""

    pixels: np.ndarray
    """(B, T, H, W, 3) uint8."""
    labels: Streams
    """name -> (B, T, ...)."""
    layouts: list[dict[str, float]] = field(default_factory=list)
    """Of each environment; empty dictionaries where nothing is fixed."""


class WatchedWorld(ABC):
    """A subclass says what happens for each seed; actions have no numbers.

    An episode terminates with its last frame. There is no goal, so whatever asks for
    one raises ``NotOfferedError``.
    """

    success_radius: ClassVar[float] = 0.0
    goal_rules: ClassVar[tuple[str, ...]] = ()
    behaviours: ClassVar[tuple[str, ...]] = ("mixed", "random")
    """Both do nothing: there is nothing to do."""
    exact_dims: ClassVar[Mapping[str, tuple[int, ...]]] = {}

    def __init__(self, num_envs: int, spec: WorldSpec) -> None:
        check_count("num_envs", num_envs)
        self._num_envs, self._spec = num_envs, spec
        self._reel: tuple[Reel, ...] = ()
        self._time = 0

    @abstractmethod
    def _film(self, seeds: Sequence[int]) -> Reel:
        """What happens for each seed; the seed alone decides."""

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return self._num_envs

    def reset(self, seeds: Sequence[int]) -> Step:
        """Show the first frame of B episodes."""
        self._reel = (self._film(check_seeds(seeds, self._num_envs)),)
        self._time = 0
        return self._show()

    def step(self, actions: np.ndarray) -> Step:
        """Show the next frame, or the last one again; actions are (B, 0)."""
        check_started(self._reel)
        check_actions(actions, self._num_envs, 0)
        self._time = min(self._time + 1, self._spec.max_steps)
        return self._show()

    def layout(self) -> list[dict[str, float]]:
        """What is fixed in each running episode."""
        check_started(self._reel)
        return self._reel[0].layouts

    def limits(self) -> list[list[dict[str, Any]]]:
        """Nothing is forbidden."""
        check_started(self._reel)
        return [[] for _ in range(self._num_envs)]

    def behaviour(self, name: str) -> Policy:
        """Actions without numbers."""
        check_option("behaviour", name, self.behaviours)
        return RandomPolicy(self._spec.action_low, self._spec.action_high)

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        self._refuse("goals")

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        self._refuse("a distance to a goal")

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        self._refuse("a way to a goal")

    def greedy(self, goal: Goal) -> Policy:
        self._refuse("a way to a goal")

    def oracle(self, goal: Goal) -> NoReturn:
        self._refuse("dynamics to plan with")

    def exact_state(self) -> np.ndarray:
        self._refuse("dynamics to plan with")

    def close(self) -> None:
        """End the episodes; there is nothing to release."""
        self._reel = ()

    def _show(self) -> Step:
        reel, now = self._reel[0], self._time
        over = now == self._spec.max_steps
        return Step(
            observations={"pixels": reel.pixels[:, now]},
            labels={name: array[:, now] for name, array in reel.labels.items()},
            terminated=np.full(self._num_envs, over),
        )

    def _refuse(self, what: str) -> NoReturn:
        raise NotOfferedError(
            f"{self._spec.id!r} has no {what}: it is there to be watched. Record it "
            f"with `telos collect {self._spec.id} --steps {self._spec.max_steps}`."
        )


def watched_spec(
    world: str,
    size: int,
    frames: int,
    labels: Mapping[str, StreamSpec],
    options: Mapping[str, Any],
) -> WorldSpec:
    """The spec of a world that shows ``frames`` square images and takes no action."""
    nothing = np.zeros(0, np.float32)
    pixels = StreamSpec(shape=(size, size, 3), dtype="uint8")
    return WorldSpec(
        id=world,
        action_low=nothing,
        action_high=nothing,
        streams={"pixels": pixels},
        labels=labels,
        max_steps=frames - 1,
        options=options,
    )
