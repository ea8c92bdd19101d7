"""The pymunk side of the pushing world: one step of a tenth of a second.

The numbers are those of the original environment (Florence et al. 2021, "Implicit
Behavioral Cloning"; Chi et al. 2023, "Diffusion Policy"; gym-pusht): an arena of 512
by 512 px, a T of mass 1 without friction whose speed is lost in every simulator step,
so that it moves only while it is pushed, and a disc that no contact stops. A controller
accelerates the disc towards a target.

A state is all there is to know: the same state and target lead to the same next state,
whatever was before. Two things of pymunk would stand against that. Contacts that
overlap leave a push that moves the T at the start of the next simulator step and can
be read nowhere; it is measured here, by one more simulator step with the T alone, and
kept as a part of the T's velocity. And the solver remembers the impulses of the last
contacts; that step makes it forget them. The latter is felt only where several contacts
act at once: in the corner between bar and stem, and between agent and wall.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from telos.envs.checks import check_option
from telos.envs.push_t.shape import BOXES, CENTRE, INERTIA

ARENA = 512.0
"""Side of the arena, pixels; x to the right, y downwards."""
WALL_LOW, WALL_HIGH, WALL_RADIUS = 5.0, 506.0, 2.0
"""Where the walls that stop the T begin and end, and half their thickness, pixels."""
SCALE, RADIUS = 30.0, 15.0
"""Usual scale of the T and radius of the agent, pixels."""
STIFFNESS, DAMPING = 100.0, 20.0
"""Of the agent's controller, 1/s^2 and 1/s: critical damping."""
SUBSTEP, SUBSTEPS = 0.01, 10
"""Length of a simulator step, seconds, and their number in a step of the world."""
AWAY = -2000.0
"""A place outside the arena where nothing touches the T, pixels."""
REACH = 100.0
"""Target of the largest relative action, pixels from where the agent is."""

AGENT, AGENT_SPEED = slice(0, 2), slice(2, 4)
BLOCK, BLOCK_SPEED = slice(4, 7), slice(7, 10)
"""Parts of a state (..., 10): position and velocity (px, px/s) of the agent, pose and
speed (px/s, rad/s) of the T. The T's speed is that of its centre."""
STATE = 10

CONTROLS = ("relative", "absolute")


@dataclass(frozen=True, kw_only=True)
class Control:
    """What an action means."""

    kind: str
    """``relative``: the target less the agent's position, in hundreds of pixels;
    ``absolute``: the target itself, pixels."""

    def __post_init__(self) -> None:
        check_option("control", self.kind, CONTROLS)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest action."""
        low, high = (-1.0, 1.0) if self.kind == "relative" else (0.0, ARENA)
        return np.full(2, low, np.float32), np.full(2, high, np.float32)

    def targets(self, actions: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """(..., 2) places in the arena that actions in bounds ask for."""
        if self.kind == "relative":
            actions = positions + REACH * actions
        return np.clip(actions, 0.0, ARENA)

    def actions(self, targets: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """(..., 2) float32 actions in bounds that ask for targets, or nearly."""
        if self.kind == "relative":
            targets = (targets - positions) / REACH
        return np.clip(targets, *self.bounds).astype(np.float32)


class PushSpace:
    """One T and one agent of given sizes; any state can be put into it."""

    def __init__(self, scale: float, radius: float) -> None:
        """Build the bodies.

        Args:
            scale: Of the T, pixels.
            radius: Of the agent, pixels.

        Raises:
            ImportError: If pymunk is missing.
        """
        pymunk = _import_pymunk()
        self.sizes = scale, radius
        self._space = pymunk.Space()
        self._space.damping = 0.0
        # A contact that is not renewed is forgotten at once.
        self._space.collision_persistence = 1
        self._space.add(*_walls(pymunk, self._space.static_body))
        self._agent = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
        self._space.add(self._agent, pymunk.Circle(self._agent, radius))
        self._block = pymunk.Body(1.0, INERTIA * scale**2)
        self._block.center_of_gravity = tuple(scale * CENTRE)
        parts = [_rectangle(pymunk, self._block, scale * box) for box in BOXES]
        self._space.add(self._block, *parts)

    def step(self, state: list[float], target: list[float]) -> list[float]:
        """The state (10,) a tenth of a second after a state, as plain numbers."""
        self._put(state)
        motion = self._drive(state, target)
        x, y = self._block.position
        angle = self._block.angle
        return [*motion, x, y, angle, *self._left_over()]

    def _put(self, state: list[float]) -> None:
        agent, block = self._agent, self._block
        agent.position = state[0], state[1]
        block.angle = state[6]
        block.position = state[4], state[5]
        block.velocity = state[7], state[8]
        block.angular_velocity = state[9]

    def _drive(self, state: list[float], target: list[float]) -> tuple[float, ...]:
        """Move the agent to a target; its position and velocity in the end."""
        x, y, vx, vy = state[:4]
        goal_x, goal_y = target
        agent, step = self._agent, self._space.step
        for _ in range(SUBSTEPS):
            vx += (STIFFNESS * (goal_x - x) - DAMPING * vx) * SUBSTEP
            vy += (STIFFNESS * (goal_y - y) - DAMPING * vy) * SUBSTEP
            agent.velocity = vx, vy
            step(SUBSTEP)
            # No contact acts on a kinematic body: this is where it now is.
            x, y = x + vx * SUBSTEP, y + vy * SUBSTEP
        return x, y, vx, vy

    def _left_over(self) -> tuple[float, float, float]:
        """How the T would go on moving, px/s and rad/s; contacts are forgotten."""
        block = self._block
        block.position = AWAY, AWAY
        self._agent.velocity = 0.0, 0.0
        before, angle = block.local_to_world(block.center_of_gravity), block.angle
        self._space.step(SUBSTEP)
        after = block.local_to_world(block.center_of_gravity)
        return (
            (after.x - before.x) / SUBSTEP,
            (after.y - before.y) / SUBSTEP,
            (block.angle - angle) / SUBSTEP,
        )


def _walls(pymunk: Any, body: Any) -> list[Any]:
    low, high = WALL_LOW, WALL_HIGH
    corners = [(low, high), (low, low), (high, low), (high, high)]
    ends = zip(corners, [*corners[1:], corners[0]], strict=True)
    return [pymunk.Segment(body, start, end, WALL_RADIUS) for start, end in ends]


def _rectangle(pymunk: Any, body: Any, box: np.ndarray) -> Any:
    (left, top), (right, bottom) = box.tolist()
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    return pymunk.Poly(body, corners)


def _import_pymunk() -> Any:
    try:
        return importlib.import_module("pymunk")
    except ModuleNotFoundError as error:
        raise ImportError(
            'push-t needs pymunk: pip install "telos[sim]".', name=error.name
        ) from error
