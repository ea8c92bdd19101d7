"""Any gymnasium environment with continuous actions as a batched world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from telos.envs.checks import (
    check_actions,
    check_count,
    check_option,
    check_seeds,
    check_started,
)
from telos.envs.errors import NotOfferedError
from telos.envs.gymnasium_copies import Maker, rendered
from telos.envs.gymnasium_spaces import action_bounds, flatten, is_image, state_width
from telos.envs.headless import prefer_headless
from telos.envs.images import area_resize
from telos.envs.random_policy import RandomPolicy
from telos.envs.world import Goal, Step, StreamSpec, WorldSpec
from telos.types import Dynamics, Objective, Policy, Streams

GOAL_STEPS = 50
"""Steps of wandering that lead to a recorded goal."""
WANDER_CORRELATION = 0.9


class GymnasiumWorld:
    """B copies of a registered environment, stepped one after the other.

    Streams are ``pixels`` (size, size, 3), averaged down from the environment's own
    frames, and ``state``, its observation as one flat vector; an environment that
    observes pictures has only ``pixels``. The label ``state`` repeats the stream. An
    environment that has ended keeps its last state until the next reset; the time
    limit is left to the caller.
    """

    goal_rules = ("recorded",)
    behaviours = ("random", "wander")
    exact_dims: Mapping[str, tuple[int, ...]] = {}
    """Nothing is known of the true state."""

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        *,
        pixels: bool = True,
        size: int = 64,
        action_bound: float | None = None,
        env_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Make B environments.

        Args:
            env_id: A registered id; ``module:id`` imports the module first.
            num_envs: B.
            pixels: Whether to render.
            size: Side of a frame, pixels.
            action_bound: Stands in for infinite action bounds.
            env_options: Keyword arguments of the environment.

        Raises:
            ValueError: If the environment's spaces or its rendering do not fit.
        """
        check_count("num_envs", num_envs)
        check_count("size", size)
        prefer_headless()
        self._num_envs, self._pixels, self._size = num_envs, pixels, size
        self._make = Maker(env_id, pixels, dict(env_options or {}))
        self._envs = [self._make() for _ in range(num_envs)]
        self._space = self._envs[0].observation_space
        self._image = is_image(self._space)
        self._spec = self._describe(env_id, action_bound, dict(env_options or {}))
        self._seeds: list[int] = []
        self._done = np.zeros(num_envs, bool)
        self._frames: list[dict[str, np.ndarray]] = []

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return self._num_envs

    @property
    def success_radius(self) -> float:
        """No radius fits every environment: a protocol has to name one."""
        raise NotOfferedError(
            f"{self._spec.id} has no usual success radius: name one in the unit of "
            "its state."
        )

    def reset(self, seeds: Sequence[int]) -> Step:
        """Start B new episodes; the seed alone decides each."""
        self._seeds = check_seeds(seeds, self._num_envs)
        self._done = np.zeros(self._num_envs, bool)
        rows = zip(self._envs, self._seeds, strict=True)
        self._starts = [self._observe(env, env.reset(seed=s)[0]) for env, s in rows]
        self._frames = list(self._starts)
        return self._show()

    def step(self, actions: np.ndarray) -> Step:
        """Advance by (B, A) actions, clipped to the bounds; ended ones stand still."""
        check_started(self._frames)
        actions = check_actions(actions, self._num_envs, self._spec.action_dim)
        for index in np.flatnonzero(~self._done):
            self._frames[index], self._done[index] = self._advance(
                self._envs[index], actions[index]
            )
        return self._show()

    def layout(self) -> list[dict[str, float]]:
        """Nothing is known of what varies between episodes."""
        return [{} for _ in range(self._num_envs)]

    def limits(self) -> list[list[dict[str, Any]]]:
        """Nothing is forbidden."""
        return [[] for _ in range(self._num_envs)]

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        """Frames that wandering from the running episodes' own starts has reached.

        A second environment is reset with the episode's seed and wanders for 50 steps,
        so every goal can be reached by construction.

        Raises:
            ValueError: If the rule is unknown or a reset does not follow from its seed.
        """
        check_started(self._frames)
        check_option("goal rule", rule, self.goal_rules)
        seeds = check_seeds(seeds, self._num_envs)
        env = self._make()
        frames = [self._record_goal(env, i, seed) for i, seed in enumerate(seeds)]
        env.close()
        shown = _stack(frames)
        return Goal(observations=shown, labels=_labels(shown))

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) Euclidean distance of the state vectors.

        Raises:
            NotOfferedError: If the environment shows pictures only.
        """
        if "state" not in labels:
            raise NotOfferedError(
                f"{self._spec.id} observes pictures and has no state vector: no true "
                "distance to a goal is known."
            )
        return np.linalg.norm(labels["state"] - goal.labels["state"], axis=-1)

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) the straight distance: nothing is known of obstacles."""
        return self.distance(labels, goal)

    def behaviour(self, name: str) -> Policy:
        """``random`` draws every action anew, ``wander`` keeps it for some 10 steps."""
        check_option("behaviour", name, self.behaviours)
        correlation = WANDER_CORRELATION if name == "wander" else 0.0
        return RandomPolicy(self._spec.action_low, self._spec.action_high, correlation)

    def greedy(self, goal: Goal) -> Policy:
        """Not offered: which action leads straight to a state is not known."""
        raise NotOfferedError(
            f"{self._spec.id} has no straight-line floor: use behaviour('random')."
        )

    def expert(self, goal: Goal) -> Policy:
        """Not offered: nothing knows how to reach a state."""
        raise NotOfferedError(f"{self._spec.id} has no scripted expert.")

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """Not offered: the environment can be stepped but not imagined in."""
        raise NotOfferedError(
            f"{self._spec.id} offers no exact dynamics to plan with: it has no ceiling."
        )

    def exact_state(self) -> np.ndarray:
        """Not offered, see ``oracle``."""
        raise NotOfferedError(
            f"{self._spec.id} does not give access to its true state."
        )

    def close(self) -> None:
        """Close all environments."""
        for env in self._envs:
            env.close()

    def _describe(
        self, env_id: str, bound: float | None, env_options: dict[str, Any]
    ) -> WorldSpec:
        env = self._envs[0]
        low, high = action_bounds(env_id, env.action_space, bound)
        streams, labels = {}, {}
        if self._pixels or self._image:
            shape = (self._size, self._size, 3)
            streams["pixels"] = StreamSpec(shape=shape, dtype="uint8")
        if not self._image:
            width = state_width(env_id, self._space)
            streams["state"] = StreamSpec(shape=(width,), dtype="float32")
            labels["state"] = streams["state"]
        return WorldSpec(
            id=f"gym:{env_id}",
            action_low=low,
            action_high=high,
            streams=streams,
            labels=labels,
            max_steps=self._make.max_steps,
            options={
                "pixels": self._pixels,
                "size": self._size,
                "action_bound": bound,
                "env_options": env_options,
            },
        )

    def _advance(
        self, env: gymnasium.Env, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], bool]:
        action = np.clip(action, self._spec.action_low, self._spec.action_high)
        space = env.action_space
        shaped = action.reshape(space.shape or ()).astype(space.dtype)
        observation, _, terminated, truncated, _ = env.step(shaped)
        return self._observe(env, observation), bool(terminated or truncated)

    def _observe(
        self, env: gymnasium.Env, observation: object
    ) -> dict[str, np.ndarray]:
        if self._image:
            return {"pixels": area_resize(np.asarray(observation), self._size)}
        streams = {"state": flatten(self._space, observation)}
        if self._pixels:
            streams["pixels"] = area_resize(rendered(self._spec.id, env), self._size)
        return streams

    def _show(self) -> Step:
        shown = _stack(self._frames)
        return Step(
            observations=shown, labels=_labels(shown), terminated=self._done.copy()
        )

    def _record_goal(
        self, env: gymnasium.Env, index: int, seed: int
    ) -> dict[str, np.ndarray]:
        frame = self._observe(env, env.reset(seed=self._seeds[index])[0])
        self._check_same_start(frame, index)
        policy, done = self.behaviour("wander"), False
        policy.reset([seed])
        for _ in range(GOAL_STEPS):
            if done:
                break
            frame, done = self._advance(env, policy.act({}, {})[0])
        return frame

    def _check_same_start(self, frame: Mapping[str, np.ndarray], index: int) -> None:
        """A goal recorded from another start might be out of reach."""
        name = "pixels" if self._image else "state"
        if not np.array_equal(frame[name], self._starts[index][name]):
            raise ValueError(
                f"{self._spec.id} does not start equally when it is reset twice with "
                f"seed {self._seeds[index]}: recorded goals would be out of reach. "
                "Make its reset draw from self.np_random only."
            )


def _stack(frames: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([f[name] for f in frames]) for name in frames[0]}


def _labels(streams: Streams) -> dict[str, np.ndarray]:
    return {"state": streams["state"]} if "state" in streams else {}
