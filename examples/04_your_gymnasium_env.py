"""An environment of your own: register it with gymnasium, and every verb knows it.

A cart on a rail, 40 lines of physics. The adapter batches it, renders it, records it
and poses goals that are reachable because something has been there.

    python examples/04_your_gymnasium_env.py

On the command line the module comes before the id:
`telos collect gym:my_module:Cart-v0 --policy wander --out cart.h5`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from telos.collect import collect
from telos.data import EpisodeFile
from telos.envs import make_world

SIDE = 64


class Cart(gymnasium.Env):
    """Position and velocity in [-1, 1]; the action is a force."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """The seed alone decides the start: recorded goals rely on it."""
        super().reset(seed=seed)
        self.state = np.array([self.np_random.uniform(-0.8, 0.8), 0.0], np.float32)
        return self.state.copy(), {}

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Friction and a force; the ends of the rail stop the cart."""
        position, velocity = self.state
        velocity = 0.9 * velocity + 0.02 * float(action[0])
        position = float(np.clip(position + velocity, -1.0, 1.0))
        velocity = 0.0 if abs(position) == 1.0 else velocity
        self.state = np.array([position, velocity], np.float32)
        return self.state.copy(), 0.0, False, False, {}

    def render(self) -> np.ndarray:
        """A dark cart on a light rail."""
        frame = np.full((SIDE, SIDE, 3), 240, np.uint8)
        frame[SIDE // 2 + 4 : SIDE // 2 + 6] = 180
        middle = round((self.state[0] + 1) / 2 * (SIDE - 9)) + 4
        frame[SIDE // 2 - 4 : SIDE // 2 + 4, middle - 4 : middle + 5] = (30, 60, 120)
        return frame


if "Cart-v0" not in gymnasium.registry:
    gymnasium.register("Cart-v0", entry_point=Cart, max_episode_steps=200)


def main(folder: Path) -> EpisodeFile:
    """Step it in a batch, pose goals, record it."""
    world = make_world("gym:Cart-v0", num_envs=4)
    step = world.reset([0, 1, 2, 3])
    goal = world.sample_goals("recorded", [0, 1, 2, 3])
    print("distance to the recorded goals:", world.distance(step.labels, goal).round(2))

    collect(world, world.behaviour("wander"), folder / "cart.h5", episodes=8, steps=30)
    world.close()
    file = EpisodeFile(folder / "cart.h5")
    print(f"{file.num_episodes} episodes, {file.num_frames} frames of", file.spec.id)
    # One frame does not show how fast the cart is, so the model is shown two:
    print("next: telos train cart.h5 --history 2 --streams pixels --out runs/cart")
    return file


if __name__ == "__main__":
    main(Path(tempfile.mkdtemp()))
