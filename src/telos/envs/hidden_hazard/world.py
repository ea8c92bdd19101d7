"""The hidden hazard as a batched world that poses goals and knows the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from telos.envs import point_mass
from telos.envs.checks import check_started
from telos.envs.factors import Option
from telos.envs.hidden_hazard.oracle import ExactHiddenHazard
from telos.envs.hidden_hazard.places import (
    ASIDE,
    HALF_WAY,
    MOST_PLACES,
    RADIUS,
    Placement,
    place,
)
from telos.envs.limits import KeepOut, Limit
from telos.envs.raster import SIZE
from telos.envs.regulator import Weights
from telos.envs.simulated import SimulatedWorld
from telos.envs.world import Foresight, Goal, Step, StreamSpec, WorldSpec
from telos.envs.zones import Disc
from telos.types import Dynamics, Objective, Streams

FUTURES = 16
"""Draws after which, at even odds, a hazard is overlooked once in 65,536 episodes."""
MAX_STEPS = 60


class HiddenHazard(SimulatedWorld):
    """B point masses whose way may be blocked, which they see only when near.

    A disc lies in the middle of the way with a given probability, else far beside it.
    Which, is revealed when the agent comes within a radius of one of the places: too
    late to brake or to swerve at the speed of an agent that has not reckoned with it.

    The action (2,) is an acceleration, m/s^2. The agent sees ``pixels`` (64, 64, 3) and
    ``state``: position, velocity, whether the hazard is known, and its place (0 while
    it is not). Labels are ``position`` (m), ``velocity`` (m/s) and ``hazard_offset``,
    the position less that of the hazard's centre (m): a keep-out-disc around (0, 0) on
    it guards a hazard that lies elsewhere in every future. The margin is ``hazard``
    (m).
    """

    success_radius = 0.1
    """Usual distance within which a goal counts as reached, metres."""
    goal_rules = ("across",)
    exact_dims: ClassVar = {
        "position": (0, 1),
        "velocity": (2, 3),
        "hazard_offset": (4, 5),
    }
    weights = Weights(state=(1.0, 1.0, 0.05, 0.05), effort=0.02)
    factors = point_mass.FACTORS

    def __init__(
        self,
        num_envs: int = 1,
        *,
        places: int = 2,
        probability: float = 0.5,
        reveal_radius: float = 0.3,
        factors: Option | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Build B floors; call ``reset`` before anything else.

        Args:
            num_envs: B.
            places: M, 2 or 3, where the hazard may lie.
            probability: That it lies in the way.
            reveal_radius: Distance from a place within which it is seen, metres; more
                than the hazard's own 0.25, less than the 0.7 between places.
            factors: What looks other than usual, see ``factors.Option``.
            max_steps: Usual step limit; the world itself never stops.

        Raises:
            ValueError: If an option is out of range.
        """
        _check(places, probability, reveal_radius)
        self._num_places, self._probability = places, probability
        self._reveal_radius = reveal_radius
        self._placements: list[Placement] = []
        spec = _spec(
            max_steps,
            places=places,
            probability=probability,
            reveal_radius=reveal_radius,
            factors=dict(factors or {}),
        )
        super().__init__(num_envs, spec, point_mass.step, factors)

    def layout(self) -> list[dict[str, float]]:
        """Where the hazard of each running episode lies, metres, and by which mode."""
        check_started(self._placements)
        rows = zip(self._placements, self._hazards, super().layout(), strict=True)
        return [
            {"mode": float(p.mode), "hazard_x": float(x), "hazard_y": float(y), **look}
            for p, (x, y), look in rows
        ]

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) straight distance to the goal, metres."""
        return np.linalg.norm(labels["position"] - goal.labels["position"], axis=-1)

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """Exact dynamics, whose futures draw what is hidden, and the cost of getting
        there, which knows no hazard."""
        _, objective = super().oracle(goal)
        known = self._placements, self._seeds, self._probability
        return ExactHiddenHazard(*known), objective

    def exact_state(self) -> np.ndarray:
        """(B, 1, 6) float64 position, velocity, and offset or NaN if not revealed."""
        state = super().exact_state()
        offset = state[..., :2] - self._hazards[:, None]
        offset = np.where(self._revealed[:, None, None], offset, np.nan)
        return np.concatenate([state, offset], -1)

    def _begin(self, seeds: Sequence[int]) -> np.ndarray:
        self._seeds = tuple(seeds)
        known = self._num_places, self._probability
        self._placements = [place(seed, *known) for seed in seeds]
        self._hazards = np.stack([p.places[p.mode] for p in self._placements])
        self._revealed = np.zeros(len(seeds), bool)
        x, y = self._hazards[:, :1], self._hazards[:, 1:]
        self._floors = [
            point_mass.floor(x, y, r + 0.0 * x, self._look) for r in (0.0, RADIUS)
        ]
        starts = np.stack([p.start for p in self._placements])
        return np.concatenate([starts, np.zeros_like(starts)], -1)

    def _show(self, before: np.ndarray) -> Step:
        """What has been seen once is not forgotten."""
        places = np.stack([p.places for p in self._placements])
        away = np.linalg.norm(self._states[:, None, :2] - places, axis=-1)
        self._revealed = self._revealed | (away.min(-1) <= self._reveal_radius)
        return super()._show(before)

    def _limits(self) -> tuple[Limit, ...]:
        zero = np.zeros(self._num_envs)
        disc = Disc(x=zero, y=zero, radius=np.full(self._num_envs, RADIUS))
        return (KeepOut(name="hazard", label="hazard_offset", disc=disc),)

    def _goal(self, rule: str, rng: np.random.Generator, row: int) -> np.ndarray:
        return np.concatenate([self._placements[row].target, np.zeros(2)])

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        """Anywhere on the floor."""
        where = rng.uniform(-point_mass.FLOOR, point_mass.FLOOR, 2)
        return np.concatenate([where, np.zeros(2)])

    def _state_of(self, labels: Streams) -> np.ndarray:
        parts = [labels["position"], labels["velocity"]]
        return np.concatenate(parts, -1).astype(np.float64)

    def _quantities(self, states: np.ndarray) -> dict[str, np.ndarray]:
        position = states[:, :2]
        return {
            "position": position,
            "velocity": states[:, 2:],
            "hazard_offset": position - self._hazards,
        }

    def _observe(self, states: np.ndarray) -> dict[str, np.ndarray]:
        known = self._revealed[:, None].astype(float)
        shown = self._revealed[:, None, None, None]
        background = np.where(shown, self._floors[1], self._floors[0])
        numbers = np.concatenate([states, known, known * self._hazards], -1)
        return {
            "pixels": point_mass.draw(states[:, :2], background, self._look),
            "state": numbers.astype(np.float32),
        }


def _check(places: int, probability: float, reveal_radius: float) -> None:
    if places not in range(2, MOST_PLACES + 1):
        raise ValueError(f"places is {places}: expected 2 or {MOST_PLACES}.")
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability is {probability}: expected it between 0 and 1.")
    if not RADIUS < reveal_radius < min(ASIDE, HALF_WAY):
        raise ValueError(
            f"reveal_radius is {reveal_radius}: expected more than {RADIUS}, the "
            f"hazard's own, and less than {ASIDE}, or nothing would be hidden."
        )


def _spec(max_steps: int, **options: object) -> WorldSpec:
    limit = np.full(2, point_mass.ACCELERATION, np.float32)
    return WorldSpec(
        id="hidden-hazard",
        action_low=-limit,
        action_high=limit,
        streams={
            "pixels": StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8"),
            "state": StreamSpec(shape=(7,), dtype="float32", unit="m, m/s, 1, m"),
        },
        labels={
            "position": StreamSpec(shape=(2,), dtype="float32", unit="m"),
            "velocity": StreamSpec(shape=(2,), dtype="float32", unit="m/s"),
            "hazard_offset": StreamSpec(shape=(2,), dtype="float32", unit="m"),
        },
        max_steps=max_steps,
        options={**options, "max_steps": max_steps},
        foresight=Foresight(sigma=0.4, iterations=6, futures=FUTURES),
    )
