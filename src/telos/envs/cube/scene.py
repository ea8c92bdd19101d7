"""OGBench's cube scene made to follow from its seed."""

from __future__ import annotations

import importlib
from typing import Any

import gymnasium
import numpy as np

from telos.envs.headless import prefer_headless

ENV_ID = "cube-single-v0"
CAMERA = "front_pixels"
Space = gymnasium.spaces.Box


def make_scene() -> Any:
    """The registered environment without time limit and marks, in its task mode.

    While it prepares the picture of a goal it draws actions from an action space that
    it makes anew each time, which no seed reaches. Here it keeps one space.

    Raises:
        ImportError: If ogbench is missing.
    """
    prefer_headless()
    try:
        module = importlib.import_module("ogbench.manipspace.envs.cube_env")
    except ModuleNotFoundError as error:
        raise ImportError(
            'the cube needs OGBench: pip install "telos[ogbench]".', name=error.name
        ) from error
    own = Space(-1.0, 1.0, (5,), np.float32)
    seeded = {"action_space": property(lambda scene: own)}
    kind = type("SeededCube", (module.CubeEnv,), seeded)
    return kind(
        env_type="single",
        mode="task",
        ob_type="states",
        visualize_info=False,
        terminate_at_goal=False,
    )


def begin(scene: Any, seed: int, task: int) -> dict[str, Any]:
    """Reset to one of the tasks, counted from 1; what the scene tells of it."""
    scene.action_space.seed(seed)
    return scene.reset(seed=seed, options={"task_id": task})[1]
