"""Two rooms as a plain gymnasium environment, ``TwoRooms-v0``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from telos.envs.two_rooms import simulation as sim
from telos.envs.two_rooms.world import TwoRooms
from telos.envs.world import Goal, Step


class TwoRoomsEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """One agent, one goal, 64 x 64 pixels; batches are faster with ``TwoRooms``.

    The observation is the image; the action is a displacement in pixels. The goal is in
    ``info``: ``target`` (2,) in pixels and ``target_pixels`` as an image. With a zone,
    ``info["margin/zone"]`` is the smallest distance kept to it during the step. The
    reward is 1 on the step that comes within ``radius`` of the goal, which ends the
    episode, and 0 before.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self,
        render_mode: str | None = None,
        *,
        layout: str = "random",
        split: str = "train",
        zone: str | Mapping[str, object] | None = None,
        goal_rule: str = "cross",
        radius: float = TwoRooms.success_radius,
    ) -> None:
        self._world = TwoRooms(1, layout=layout, split=split, zone=zone)
        self._goal_rule, self._radius = goal_rule, radius
        self._goal: Goal | None = None
        self._pixels = np.zeros((sim.SIZE, sim.SIZE, 3), np.uint8)
        self.render_mode = render_mode
        self.observation_space = spaces.Box(0, 255, self._pixels.shape, np.uint8)
        low, high = self._world.spec.action_low, self._world.spec.action_high
        self.action_space = spaces.Box(low, high, dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; equal seeds give equal layout, start, zone and goal."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        step = self._world.reset([seed])
        self._goal = self._world.sample_goals(self._goal_rule, [seed])
        return self._observe(step), self._info(step)

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move; the time limit is gymnasium's wrapper, so nothing truncates here."""
        step = self._world.step(np.asarray(action)[None])
        info = self._info(step)
        success = bool(info["success"])
        return self._observe(step), float(success), success, False, info

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """The present image in mode ``rgb_array``."""
        return self._pixels.copy() if self.render_mode == "rgb_array" else None

    def _observe(self, step: Step) -> np.ndarray:
        self._pixels = step.observations["pixels"][0]
        return self._pixels.copy()

    def _info(self, step: Step) -> dict[str, Any]:
        assert self._goal is not None, "reset sets the goal"
        distance = float(self._world.distance(step.labels, self._goal)[0])
        return {
            "position": step.labels["position"][0],
            "target": self._goal.labels["position"][0].copy(),
            "target_pixels": self._goal.observations["pixels"][0].copy(),
            "distance": distance,
            "success": distance < self._radius,
            "layout": self._world.layout()[0],
            **{f"margin/{name}": float(m[0]) for name, m in step.margins.items()},
        }
