"""Exact dynamics of a point maze: MuJoCo, candidate after candidate."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.envs.point_maze.scene import MazeScene
from telos.types import Trajectory


class ExactPointMaze:
    """The physics of a maze as a dynamics; a state is position and velocity.

    The present state is the newest of the context, (B, T, 4) in m and m/s. Contacts are
    solved from scratch in every rollout, so that it agrees with stepping the world up
    to the solver's tolerance.
    """

    def __init__(self, scene: MazeScene, repeat: int) -> None:
        """Take the maze, and the simulator steps of 0.01 s per step of the world."""
        self._scene, self._repeat = scene, repeat
        self._data = scene.new_state(np.zeros(2))

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """Exact states (B, S, K, H+1, 4); all futures are equal, none is random."""
        present = state[:, -1].detach().cpu().numpy().astype(np.float64)
        forces = actions.detach().cpu().numpy().astype(np.float64).clip(-1.0, 1.0)
        visited = np.stack(
            [
                np.stack([self._follow(start, plan) for plan in plans])
                for start, plans in zip(present, forces, strict=True)
            ]
        )
        states = torch.from_numpy(visited).to(state)
        states = states[:, :, None].expand(-1, -1, futures, -1, -1)
        return Trajectory(states=states, actions=actions)

    def _follow(self, start: np.ndarray, plan: np.ndarray) -> np.ndarray:
        """(H+1, 4) states from a start (4,) under forces (H, 2)."""
        data, states = self._data, [start]
        self._scene.restart(data, start[:2], start[2:])
        for force in plan:
            self._scene.advance(data, force, self._repeat)
            states.append(np.concatenate([data.qpos, data.qvel]))
        return np.stack(states)
