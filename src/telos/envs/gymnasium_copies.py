"""Making and rendering copies of a registered environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

DEFAULT_STEPS = 1000
"""Step limit of environments that declare none."""


class Maker:
    """Makes copies of one environment without its time limit."""

    def __init__(self, env_id: str, pixels: bool, options: dict[str, Any]) -> None:
        self._env_id, self._options = env_id, options
        self._mode = "rgb_array" if pixels else None
        self.max_steps = gymnasium.spec(env_id).max_episode_steps or DEFAULT_STEPS

    def __call__(self) -> gymnasium.Env:
        """A new copy.

        Raises:
            ImportError: If the environment needs a package that is missing.
            ValueError: If gymnasium refuses for another reason.
        """
        try:
            return gymnasium.make(
                self._env_id,
                max_episode_steps=-1,
                render_mode=self._mode,
                disable_env_checker=True,
                **self._options,
            )
        except gymnasium.error.DependencyNotInstalled as error:
            raise ImportError(f"{self._env_id!r} cannot be made: {error}") from error
        except (gymnasium.error.Error, TypeError) as error:
            raise ValueError(f"{self._env_id!r} cannot be made: {error}") from error


def rendered(env_id: str, env: gymnasium.Env) -> np.ndarray:
    """The environment's frame (H, W, 3) uint8.

    Raises:
        ImportError: If drawing needs a package that is missing.
        ValueError: If it renders something else.
    """
    try:
        frame = env.render()
    except gymnasium.error.DependencyNotInstalled as error:
        raise ImportError(
            f'{env_id} cannot be drawn: {error}. Remedy: pip install "telos[sim]", or '
            "pixels=False to use its state."
        ) from error
    if not isinstance(frame, np.ndarray):
        raise ValueError(
            f"{env_id!r} rendered {type(frame).__name__} instead of an image: it does "
            "not support render_mode='rgb_array'. Pass pixels=False to use its state."
        )
    return frame
