"""OGBench's single cube as a batched world that poses goals of its task set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from telos.envs.checks import (
    check_actions,
    check_count,
    check_option,
    check_seeds,
    check_started,
)
from telos.envs.cube.behaviour import PlacePolicy
from telos.envs.cube.scene import CAMERA, begin, make_scene
from telos.envs.errors import NotOfferedError
from telos.envs.headless import fast_renderer
from telos.envs.mixture import MixturePolicy
from telos.envs.random_policy import RandomPolicy
from telos.envs.raster import SIZE
from telos.envs.world import Goal, Step, StreamSpec, WorldSpec
from telos.types import Dynamics, Objective, Policy, Streams

TASKS = 5
"""Tasks of the environment, each a place of the cube and another to bring it to."""
STATE = 28
"""Width of its own observation."""
MAX_STEPS = 200
WANDER_CORRELATION = 0.9
PLACES = 0.7
"""Share of the episodes of ``mixed`` that carry the cube instead of wandering."""


class Cube:
    """B tables with an arm and a cube, stepped one after the other.

    The action (5,) in [-1, 1] moves the hand (5 cm along each axis), turns it and
    closes its fingers. The agent sees ``pixels`` (64, 64, 3), drawn without what costs
    time and shows little, and ``state`` (28,), the environment's own observation.
    Labels are ``block`` and ``effector`` (m), ``position``, the hand's x and y (m), and
    ``gripper``, 1 where it is closed. Goals are those of the environment's five tasks.
    """

    success_radius = 0.04
    """Usual distance within which a goal counts as reached: the environment's, m."""
    goal_rules = ("task",)
    behaviours = ("mixed", "place", "random", "wander")
    exact_dims: Mapping[str, tuple[int, ...]] = {}
    """Nothing is offered of the true state."""

    def __init__(
        self, num_envs: int = 1, *, pixels: bool = True, max_steps: int = MAX_STEPS
    ) -> None:
        """Build B scenes; call ``reset`` before anything else.

        Args:
            num_envs: B.
            pixels: Whether to draw.
            max_steps: Usual step limit; the world itself never stops.

        Raises:
            ImportError: If ogbench or a GL library is missing.
            ValueError: If an option is out of range.
        """
        check_count("num_envs", num_envs)
        self._num_envs, self._pixels = num_envs, pixels
        self._scenes = [make_scene() for _ in range(num_envs)]
        self._spec = _spec(pixels, max_steps)
        self._renderer: Any = None
        self._told: list[dict[str, Any]] = []

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return self._num_envs

    def reset(self, seeds: Sequence[int]) -> Step:
        """Start B new episodes; the seed alone decides task and start."""
        seeds = check_seeds(seeds, self._num_envs)
        draws = [np.random.default_rng([seed, 0]) for seed in seeds]
        self._tasks = [int(rng.integers(1, TASKS + 1)) for rng in draws]
        rows = zip(self._scenes, seeds, self._tasks, strict=True)
        self._told = [begin(*row) for row in rows]
        self._seeds = seeds
        return self._show()

    def step(self, actions: np.ndarray) -> Step:
        """Advance by (B, 5) actions, clipped to [-1, 1]; 0.05 s."""
        check_started(self._told)
        actions = np.clip(check_actions(actions, self._num_envs, 5), -1.0, 1.0)
        rows = zip(self._scenes, actions, strict=True)
        self._told = [scene.step(action)[4] for scene, action in rows]
        return self._show()

    def layout(self) -> list[dict[str, float]]:
        """The task of each running episode."""
        check_started(self._told)
        return [{"task": float(task)} for task in self._tasks]

    def limits(self) -> list[list[dict[str, Any]]]:
        """Nothing is forbidden."""
        check_started(self._told)
        return [[] for _ in range(self._num_envs)]

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        """The goals of the tasks of the running episodes, as pictures and as places.

        The seeds decide where the arm is in the picture, not where the cube is.
        """
        check_started(self._told)
        check_option("goal rule", rule, self.goal_rules)
        seeds = check_seeds(seeds, self._num_envs)
        scene = make_scene()
        rows = zip(seeds, self._tasks, strict=True)
        shown = [self._goal(scene, seed, task) for seed, task in rows]
        streams, labels = zip(*shown, strict=True)
        return Goal(observations=_stack(streams), labels=_stack(labels))

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) distance of the cube from where it should be, metres."""
        return np.linalg.norm(labels["block"] - goal.labels["block"], axis=-1)

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) the distance: nothing is in the way."""
        return self.distance(labels, goal)

    def behaviour(self, name: str) -> Policy:
        """``place`` (noisy), ``random``, ``wander``, or ``mixed``: mostly place."""
        check_option("behaviour", name, self.behaviours)
        bounds = self._spec.action_low, self._spec.action_high
        if name == "random":
            return RandomPolicy(*bounds)
        wander = RandomPolicy(*bounds, WANDER_CORRELATION)
        if name == "wander":
            return wander
        return PlacePolicy() if name == "place" else _mixed(wander)

    def greedy(self, goal: Goal) -> Policy:
        """Not offered: a hand that heads for the goal moves no cube."""
        raise NotOfferedError(
            "cube has no straight-line floor: use behaviour('random')."
        )

    def expert(self, goal: Goal) -> Policy:
        """Picks the cube up and puts it where it should be."""
        check_started(self._told)
        return PlacePolicy(goal.labels["block"].astype(np.float64))

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """Not offered: the scene is stepped 400 times a second, too slow to plan in."""
        raise NotOfferedError(
            "cube offers no exact dynamics for planning: use expert(goal), which picks "
            "and places, as the ceiling."
        )

    def exact_state(self) -> np.ndarray:
        """Not offered, see ``oracle``."""
        raise NotOfferedError("cube does not give access to its true state.")

    def close(self) -> None:
        """Release the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _goal(
        self, scene: Any, seed: int, task: int
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Streams and labels of a scene that is put into the state of its goal."""
        begin(scene, seed, task)
        joint = scene._data.joint("object_joint_0")
        joint.qpos[:] = [*scene.cur_task_info["goal_xyzs"][0], 1.0, 0.0, 0.0, 0.0]
        joint.qvel[:] = 0.0
        scene.set_state(scene._data.qpos.copy(), scene._data.qvel.copy())
        return self._observe(scene), _labels(scene.compute_ob_info())

    def _show(self) -> Step:
        return Step(
            observations=_stack([self._observe(scene) for scene in self._scenes]),
            labels=_stack([_labels(told) for told in self._told]),
            terminated=np.zeros(self._num_envs, bool),
        )

    def _observe(self, scene: Any) -> dict[str, np.ndarray]:
        streams = {"state": scene.compute_observation().astype(np.float32)}
        if self._pixels:
            streams["pixels"] = self._draw(scene)
        return streams

    def _draw(self, scene: Any) -> np.ndarray:
        """(64, 64, 3) uint8; all scenes have one model, so one renderer serves them."""
        if self._renderer is None:
            self._renderer = fast_renderer(scene._model, SIZE)
        self._renderer.update_scene(scene._data, CAMERA, scene._scene_option)
        return self._renderer.render().copy()


def _mixed(wander: Policy) -> Policy:
    return MixturePolicy(PlacePolicy(), wander, PLACES)


def _stack(rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _labels(told: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Labels of one scene."""
    hand = np.asarray(told["proprio/effector_pos"], np.float32)
    return {
        "block": np.asarray(told["privileged/block_0_pos"], np.float32),
        "effector": hand,
        "position": hand[:2],
        "gripper": np.asarray(told["proprio/gripper_opening"][0], np.float32),
    }


def _spec(pixels: bool, max_steps: int) -> WorldSpec:
    streams = {"state": StreamSpec(shape=(STATE,), dtype="float32")}
    if pixels:
        image = StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8")
        streams = {"pixels": image, **streams}
    return WorldSpec(
        id="cube",
        action_low=np.full(5, -1.0, np.float32),
        action_high=np.full(5, 1.0, np.float32),
        streams=streams,
        labels={
            "block": StreamSpec(shape=(3,), dtype="float32", unit="m"),
            "effector": StreamSpec(shape=(3,), dtype="float32", unit="m"),
            "position": StreamSpec(shape=(2,), dtype="float32", unit="m"),
            "gripper": StreamSpec(shape=(), dtype="float32", unit="share closed"),
        },
        max_steps=max_steps,
        options={"pixels": pixels, "max_steps": max_steps},
    )
