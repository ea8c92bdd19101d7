"""The MuJoCo side of a point maze: model, physics of one step, camera."""

from __future__ import annotations

import importlib
import os
from typing import Any

import gymnasium
import numpy as np

from telos.envs.factors import Look
from telos.envs.headless import fast_renderer
from telos.envs.images import area_resize
from telos.envs.point_maze.picture import ball_of, view_of
from telos.envs.robotics import register_robotics

State = Any
"""A mujoco.MjData; the binding ships without types."""
IMAGE = 64
"""Side of a frame, pixels."""
SUPERSAMPLE = 2
"""Frames are drawn this much larger and averaged: cheaper than multi-sampling."""
SPEED_LIMIT = 5.0
"""The environment clips each velocity component to this before a step, m/s."""
SIMULATOR_STEPS = 300
"""Step limit, in simulator steps of 0.01 s, of an environment that has none."""
MAZES = {
    "umaze": "PointMaze_UMaze-v3",
    "medium": "PointMaze_Medium-v3",
    "large": "PointMaze_Large-v3",
}
"""Short names of the mazes of the field -> registered environments."""


class MazeScene:
    """One compiled maze; B states share it."""

    def __init__(self, maze: str, supersample: int = SUPERSAMPLE) -> None:
        """Compile the maze of a registered gymnasium-robotics environment.

        Args:
            maze: A name of ``MAZES`` or a registered id.
            supersample: Frames are drawn this much larger and averaged.

        Raises:
            ImportError: If gymnasium-robotics or mujoco is missing.
            ValueError: If the id is no point maze.
        """
        self._mujoco = _import_mujoco()
        self.model, self.walls, self.max_steps = _load(MAZES.get(maze, maze))
        self._supersample = supersample
        self._renderer: Any = None
        self._camera = self._top_down()
        self._shown: State = self._mujoco.MjData(self.model)

    def new_state(self, position: np.ndarray) -> State:
        """A state at rest at a position (2,), metres."""
        data = self._mujoco.MjData(self.model)
        data.qpos[:] = position
        self._mujoco.mj_forward(self.model, data)
        return data

    def advance(self, data: State, action: np.ndarray, repeat: int) -> None:
        """Hold an action (2,) for some simulator steps of 0.01 s, in place."""
        for _ in range(repeat):
            data.qvel[:] = np.clip(data.qvel, -SPEED_LIMIT, SPEED_LIMIT)
            self._mujoco.mj_forward(self.model, data)
            data.ctrl[:] = action
            self._mujoco.mj_step(self.model, data)

    def render(self, data: State, look: Look, row: int) -> np.ndarray:
        """(64, 64, 3) uint8, seen from above; x to the right, y upwards.

        MuJoCo places bodies at the start of a step and moves them at its end, so that
        they are placed once more here, where the state says that they are.

        Args:
            data: What is shown.
            look: How the environments look.
            row: Which of them this is.

        Raises:
            ImportError: If there is no GL library that works.
        """
        if self._renderer is None:
            self._renderer = self._start_renderer()
        self._paint(look, row)
        self._mujoco.mj_kinematics(self.model, data)
        self._renderer.update_scene(data, self._camera)
        return area_resize(self._renderer.render(), IMAGE)

    def render_at(self, position: np.ndarray, look: Look, row: int) -> np.ndarray:
        """(64, 64, 3) uint8 of what ``render`` shows at a position (2,), metres."""
        self._shown.qpos[:] = position
        return self.render(self._shown, look, row)

    def restart(self, data: State, position: np.ndarray, velocity: np.ndarray) -> None:
        """Set a state to a position (2,) and a velocity (2,), m and m/s, in place."""
        data.qpos[:], data.qvel[:] = position, velocity
        # What the contact solver remembers of another place would be noise here.
        data.qacc_warmstart[:] = 0.0

    def to_pixels(self, positions: np.ndarray) -> np.ndarray:
        """(..., 2) image coordinates of positions in metres, y downwards."""
        scale = IMAGE / view_of(self.walls)
        flipped = positions * np.array([1.0, -1.0])
        return IMAGE / 2 + scale * flipped

    def close(self) -> None:
        """Release the renderer; a later ``render`` starts a new one."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _start_renderer(self) -> Any:
        self._dress()
        return fast_renderer(self.model, IMAGE * self._supersample)

    def _dress(self) -> None:
        """Hide the target and draw the floor plain.

        The floor's texture takes three quarters of the drawing time and hides the ball.
        """
        model = self.model
        model.site("target").rgba[3] = 0.0
        ground = model.geom("ground")
        ground.matid[0] = -1
        ground.size[:2] = max(self.walls.shape)
        model.vis.global_.orthographic = 1
        model.vis.global_.fovy = view_of(self.walls)
        names = [model.geom(index).name for index in range(model.ngeom)]
        self._blocks = [i for i, name in enumerate(names) if name.startswith("block")]

    def _paint(self, look: Look, row: int) -> None:
        """Give colours, the ball's size and the camera's place of one environment."""
        model, ball = self.model, self.model.site("particle_site")
        model.geom("ground").rgba[:3] = look.colour("floor")[row]
        model.geom_rgba[self._blocks, :3] = look.colour("wall")[row]
        ball.rgba[:3] = look.colour("agent")[row]
        ball.size[0] = ball_of(self.walls) * look.number("agent_size")[row]
        self._camera.lookat[:2] = look.camera[row]

    def _top_down(self) -> Any:
        camera = self._mujoco.MjvCamera()
        camera.type = self._mujoco.mjtCamera.mjCAMERA_FREE
        camera.lookat[:] = 0.0
        camera.distance, camera.azimuth, camera.elevation = 10.0, 90.0, -90.0
        return camera


def _import_mujoco() -> Any:
    """The mujoco module, with the mazes registered."""
    try:
        register_robotics()
        return importlib.import_module("mujoco")
    except ModuleNotFoundError as error:
        raise ImportError(
            'point mazes need MuJoCo: pip install "telos[sim]".', name=error.name
        ) from error


def _load(maze_id: str) -> tuple[Any, np.ndarray, int]:
    """Model, walls (rows, columns) and step limit of a registered maze."""
    if maze_id not in gymnasium.registry:
        known = [name for name in gymnasium.registry if name.startswith("PointMaze_")]
        raise ValueError(
            f"unknown maze {maze_id!r}: expected one of "
            f"{', '.join((*MAZES, *sorted(known)))}."
        )
    env = gymnasium.make(maze_id, disable_env_checker=True)
    maze = getattr(env.unwrapped, "maze", None)
    model = getattr(env.unwrapped, "model", None)
    if maze is None or model is None or model.nq != 2:
        raise ValueError(
            f"{maze_id!r} is no point maze: expected an id like 'PointMaze_UMaze-v3' "
            f"or 'PointMaze_Medium-v3'. Use 'gym:{maze_id}' for any other environment."
        )
    walls = np.array([[cell == 1 for cell in row] for row in maze.maze_map])
    # The library leaves the description that it compiled in the temporary folder.
    os.unlink(env.unwrapped.tmp_xml_file_path)  # type: ignore[attr-defined]
    env.close()
    return model, walls, gymnasium.spec(maze_id).max_episode_steps or SIMULATOR_STEPS
