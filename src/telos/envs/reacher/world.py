"""The arm as a batched world that poses goals and knows the truth about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from telos.envs.checks import check_option, check_positive
from telos.envs.factors import Option
from telos.envs.limits import Limit, Within
from telos.envs.raster import SIZE
from telos.envs.reacher import physics
from telos.envs.regulator import Weights
from telos.envs.simulated import SimulatedWorld
from telos.envs.world import Foresight, Goal, StreamSpec, WorldSpec
from telos.types import Streams

BEND = 2.6
"""Largest angle of an elbow at a start or a goal, rad; it can bend to 3."""
MEASURES = {"fingertip": 0.02, "joints": 0.15}
"""What is near a goal -> usual success radius, metres and rad."""
APART = 2.0
"""Starts and goals are at least so many success radii of the fingertip apart."""
AHEAD = 0.02
"""Seconds by which a speed counts as distance of the joints."""
MAX_STEPS = 50


class Reacher(SimulatedWorld):
    """B arms of two links whose joints are driven by torques.

    The action (2,) in [-1, 1] is a torque of shoulder and elbow. The agent sees
    ``pixels`` (64, 64, 3) and ``state``: sines and cosines of both angles, and speeds.
    Labels are ``angles`` (rad, wrapped to [-pi, pi)), ``speeds`` (rad/s) and
    ``position``, the fingertip (m). A goal is an arm at rest: its picture, its angles,
    its fingertip. The margin ``speed`` (rad/s) exists with a limit.
    """

    goal_rules = ("anywhere", "target")
    exact_dims: ClassVar = {"angles": (0, 1), "speeds": (2, 3)}
    weights = Weights(state=(1.0, 1.0, 0.003, 0.003), effort=1.0)
    factors = physics.FACTORS

    def __init__(
        self,
        num_envs: int = 1,
        *,
        measure: str = "fingertip",
        target: bool = False,
        speed_limit: float | None = None,
        factors: Option | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Build B arms; call ``reset`` before anything else.

        Args:
            num_envs: B.
            measure: What counts as near: the ``fingertip`` (m) or the ``joints``: the
                larger error of the two angles, a fiftieth of a second of speed included
                (rad).
            target: Whether the target that rule ``target`` aims at is drawn.
            speed_limit: Bound of either speed, rad/s, or None.
            factors: What looks other than usual, see ``factors.Option``.
            max_steps: Usual step limit; the world itself never stops.

        Raises:
            ValueError: If an option is not one of those above.
        """
        check_option("measure", measure, tuple(MEASURES))
        if speed_limit is not None:
            check_positive("speed_limit", speed_limit)
        self._measure, self._shows_target = measure, target
        self._speed_limit = speed_limit
        spec = _spec(
            max_steps,
            measure=measure,
            target=target,
            speed_limit=speed_limit,
            factors=dict(factors or {}),
        )
        super().__init__(num_envs, spec, physics.step, factors)

    @property
    def success_radius(self) -> float:  # type: ignore[override]
        """Usual distance within which a goal counts as reached, see ``measure``."""
        return MEASURES[self._measure]

    def layout(self) -> list[dict[str, float]]:
        """Named factors, and the place of the target (m) where one is drawn."""
        rows = super().layout()
        if self._shows_target:
            places = physics.tip(self._targets[:, :2]).tolist()
            for row, (x, y) in zip(rows, places, strict=True):
                row.update({"target_x": x, "target_y": y})
        return rows

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) distance to the goal by the world's measure."""
        if self._measure == "fingertip":
            away = labels["position"] - goal.labels["position"]
            return np.linalg.norm(away, axis=-1)
        state, aim = self._state_of(labels), self._state_of(goal.labels)
        apart = np.abs(_nearest(torch.from_numpy(state - aim)).numpy())
        return np.maximum(apart[:, :2], AHEAD * apart[:, 2:]).max(-1)

    @property
    def _error(self):
        return _nearest

    def _begin(self, seeds: Sequence[int]) -> np.ndarray:
        starts = [self._place(np.random.default_rng([seed, 0])) for seed in seeds]
        drawn = zip(seeds, starts, strict=True)
        self._targets = np.stack(
            [_away(np.random.default_rng([seed, 9]), start) for seed, start in drawn]
        )
        return np.stack(starts)

    def _limits(self) -> tuple[Limit, ...]:
        if self._speed_limit is None:
            return ()
        return (Within(name="speed", label="speeds", size=self._speed_limit),)

    def _goal(self, rule: str, rng: np.random.Generator, row: int) -> np.ndarray:
        """The target's arm, or any other than the present one."""
        return self._targets[row] if rule == "target" else _away(rng, self._states[row])

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        return _arm(rng)

    def _state_of(self, labels: Streams) -> np.ndarray:
        parts = [labels["angles"], labels["speeds"]]
        return np.concatenate(parts, -1).astype(np.float64)

    def _quantities(self, states: np.ndarray) -> dict[str, np.ndarray]:
        position = physics.tip(states[:, :2])
        return {**super()._quantities(states), "position": position}

    def _labels(self, states: np.ndarray) -> dict[str, np.ndarray]:
        around = np.mod(states[:, :2] + np.pi, 2 * np.pi) - np.pi
        return super()._labels(np.concatenate([around, states[:, 2:]], -1))

    def _observe(self, states: np.ndarray) -> dict[str, np.ndarray]:
        angles, speeds = states[:, :2], states[:, 2:]
        target = physics.tip(self._targets[:, :2]) if self._shows_target else None
        numbers = np.concatenate([np.sin(angles), np.cos(angles), speeds], -1)
        return {
            "pixels": physics.draw(angles, target, self._look),
            "state": numbers.astype(np.float32),
        }


def _arm(rng: np.random.Generator) -> np.ndarray:
    """(4,) arm at rest."""
    return np.array([rng.uniform(-np.pi, np.pi), rng.uniform(-BEND, BEND), 0.0, 0.0])


def _away(rng: np.random.Generator, here: np.ndarray) -> np.ndarray:
    """(4,) arm at rest with its fingertip elsewhere."""
    while True:
        there = _arm(rng)
        ends = physics.tip(np.stack([here, there])[:, :2])
        if np.linalg.norm(ends[1] - ends[0]) >= APART * MEASURES["fingertip"]:
            return there


def _nearest(apart: Tensor) -> Tensor:
    """Differences of states (..., 4), the shoulder's by the shorter way round.

    The elbow has only one way: its range ends before a full turn.
    """
    turn = torch.remainder(apart[..., :1] + torch.pi, 2 * torch.pi) - torch.pi
    return torch.cat([turn, apart[..., 1:]], -1)


def _spec(max_steps: int, **options: object) -> WorldSpec:
    limit = np.ones(2, np.float32)
    units = {"angles": "rad", "speeds": "rad/s", "position": "m"}
    return WorldSpec(
        id="reacher",
        action_low=-limit,
        action_high=limit,
        streams={
            "pixels": StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8"),
            "state": StreamSpec(shape=(6,), dtype="float32", unit="1, 1, rad/s"),
        },
        labels={
            name: StreamSpec(shape=(2,), dtype="float32", unit=unit)
            for name, unit in units.items()
        },
        max_steps=max_steps,
        options={**options, "max_steps": max_steps},
        foresight=Foresight(sigma=0.2, iterations=6),
    )
