"""The pendulum as a batched world that poses goals and knows the truth about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from telos.envs.checks import check_positive
from telos.envs.factors import Option
from telos.envs.limits import Limit, Within
from telos.envs.pendulum import physics
from telos.envs.raster import SIZE
from telos.envs.regulator import Weights
from telos.envs.simulated import SimulatedWorld
from telos.envs.world import Foresight, Goal, StreamSpec, WorldSpec
from telos.types import Streams

START = 0.5
"""Episodes start at rest within this of hanging, rad."""
HELD = 0.8
"""Goals under the rule ``angle`` need at most this share of the largest torque."""
AHEAD = 0.1
"""Seconds by which a speed counts as distance: a goal is an angle *at rest*."""
MAX_STEPS = 100


class Pendulum(SimulatedWorld):
    """B pendulums that a torque swings and holds.

    The action (1,) is a torque, N m; the default is a little more than gravity's
    largest, so that every angle can be held. The agent sees ``pixels`` (64, 64, 3) and
    ``state``: sine and cosine of the angle, and the speed. Labels are ``angle`` in
    [-pi, pi), ``speed`` (rad/s) and ``position``, the moving end (m), which unlike the
    angle has no jump. The margin ``speed`` is in rad/s.
    """

    success_radius = 0.15
    """Usual distance within which a goal counts as reached, rad."""
    goal_rules = ("upright", "angle")
    exact_dims: ClassVar = {"angle": (0,), "speed": (1,)}
    weights = Weights(state=(1.0, 0.05), effort=0.02)
    factors = physics.FACTORS

    def __init__(
        self,
        num_envs: int = 1,
        *,
        torque: float = 12.0,
        speed_limit: float = 2.0,
        factors: Option | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Build B pendulums; call ``reset`` before anything else.

        Args:
            num_envs: B.
            torque: Largest torque, N m. Gravity's is 9.81: with less, upright can only
                be reached by swinging, for which the objective of ``oracle`` is too
                near-sighted, and goals of the rule ``angle`` stay where they can be
                held.
            speed_limit: Bound of the speed, rad/s.
            factors: What looks other than usual, see ``factors.Option``.
            max_steps: Usual step limit; the world itself never stops.

        Raises:
            ValueError: If a number is not positive.
        """
        check_positive("torque", torque)
        check_positive("speed_limit", speed_limit)
        self._torque, self._speed_limit = torque, speed_limit
        spec = _spec(
            max_steps,
            torque,
            speed_limit=speed_limit,
            factors=dict(factors or {}),
        )
        super().__init__(num_envs, spec, physics.stepper(torque), factors)

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) norm of the angle to the goal and a tenth of a second of speed, rad."""
        angle = physics.wrapped(labels["angle"] - goal.labels["angle"])
        return np.hypot(angle, AHEAD * (labels["speed"] - goal.labels["speed"]))

    def exact_state(self) -> np.ndarray:
        """(B, 1, 2) float64 angle in [-pi, pi) and speed.

        From there an imagined angle goes on without a jump, also beyond pi.
        """
        state = super().exact_state()
        state[..., 0] = physics.wrapped(state[..., 0])
        return state

    def _begin(self, seeds: Sequence[int]) -> np.ndarray:
        rngs = [np.random.default_rng([seed, 0]) for seed in seeds]
        angles = np.pi + np.array([rng.uniform(-START, START) for rng in rngs])
        return np.stack([angles, np.zeros(len(seeds))], -1)

    def _limits(self) -> tuple[Limit, ...]:
        return (Within(name="speed", label="speed", size=self._speed_limit),)

    def _goal(self, rule: str, rng: np.random.Generator, row: int) -> np.ndarray:
        if rule == "upright":
            return np.zeros(2)
        return self._place(rng)

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        """An angle that HELD of the torque can hold, upright or hanging or between."""
        most = np.arcsin(min(HELD * self._torque / physics.GRAVITY, 1.0))
        near = rng.uniform(-most, most)
        return np.array([near if rng.uniform() < 0.5 else np.pi - near, 0.0])

    def _state_of(self, labels: Streams) -> np.ndarray:
        return np.stack([labels["angle"], labels["speed"]], -1).astype(np.float64)

    def _rest(self, targets: np.ndarray) -> np.ndarray:
        return -physics.GRAVITY * np.sin(targets[:, :1]) / self._torque

    @property
    def _error(self):
        return _nearest

    def _quantities(self, states: np.ndarray) -> dict[str, np.ndarray]:
        """The angle without a jump: its way in a step is what a limit is about."""
        return {**super()._quantities(states), "position": physics.tip(states[:, 0])}

    def _labels(self, states: np.ndarray) -> dict[str, np.ndarray]:
        around = physics.wrapped(states[:, 0])
        return super()._labels(np.stack([around, states[:, 1]], -1))

    def _observe(self, states: np.ndarray) -> dict[str, np.ndarray]:
        angle, speed = states[:, 0], states[:, 1]
        numbers = np.stack([np.sin(angle), np.cos(angle), speed], -1)
        return {
            "pixels": physics.draw(angle, self._look),
            "state": numbers.astype(np.float32),
        }


def _nearest(apart: Tensor) -> Tensor:
    """Differences of states (..., 2) by the shorter way round."""
    angle = torch.remainder(apart[..., :1] + torch.pi, 2 * torch.pi) - torch.pi
    return torch.cat([angle, apart[..., 1:]], -1)


def _spec(max_steps: int, torque: float, **options: object) -> WorldSpec:
    limit = np.full(1, torque, np.float32)
    return WorldSpec(
        id="pendulum",
        action_low=-limit,
        action_high=limit,
        streams={
            "pixels": StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8"),
            "state": StreamSpec(shape=(3,), dtype="float32", unit="1, 1, rad/s"),
        },
        labels={
            "angle": StreamSpec(shape=(), dtype="float32", unit="rad"),
            "speed": StreamSpec(shape=(), dtype="float32", unit="rad/s"),
            "position": StreamSpec(shape=(2,), dtype="float32", unit="m"),
        },
        max_steps=max_steps,
        options={"torque": torque, **options, "max_steps": max_steps},
        foresight=Foresight(sigma=0.4, iterations=6),
    )
