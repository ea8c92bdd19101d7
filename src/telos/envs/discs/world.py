"""Discs as a batched world that poses goals and knows the truth about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from telos.envs import point_mass
from telos.envs.checks import check_option, check_positive, check_started
from telos.envs.discs.placement import Placement, place, sample_goal
from telos.envs.factors import Option
from telos.envs.limits import KeepOut, Limit, Within
from telos.envs.raster import SIZE
from telos.envs.regulator import Weights
from telos.envs.simulated import SimulatedWorld
from telos.envs.world import Foresight, Goal, StreamSpec, WorldSpec
from telos.envs.zones import Disc
from telos.types import Streams

LAYOUTS = ("beside", "between", "field")
MAX_STEPS = 60


class Discs(SimulatedWorld):
    """B point masses on a floor with discs that they must stay out of.

    The action (2,) is an acceleration, m/s^2. The agent sees ``pixels`` (64, 64, 3) and
    ``state``: position and velocity. Labels are ``position`` (m) and ``velocity``
    (m/s). Margins are ``disc 1`` and so on (m), and ``speed`` (m/s) with a limit.

    With ``cameras`` it sees, instead, ``front`` (64, 64, 3): the whole floor; ``wrist``
    (48, 64, 3): what is near the point, seen from above it, which alone rarely tells
    where the point is; and ``proprio`` (2,): its velocity.

    Discs do not act on the point: they are a matter of the task, not of physics. They
    are therefore not drawn unless asked for; the agent is told of them.
    """

    success_radius = 0.1
    """Usual distance within which a goal counts as reached, metres."""
    goal_rules = ("across", "random")
    exact_dims: ClassVar = {"position": (0, 1), "velocity": (2, 3)}
    weights = Weights(state=(1.0, 1.0, 0.05, 0.05), effort=0.02)
    factors = point_mass.FACTORS

    def __init__(
        self,
        num_envs: int = 1,
        *,
        layout: str = "between",
        visible: bool = False,
        cameras: bool = False,
        speed_limit: float | None = None,
        factors: Option | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Build B floors; call ``reset`` before anything else.

        Args:
            num_envs: B.
            layout: ``beside``: one disc that is best passed on one side; ``between``:
                one disc right in the way, both sides equally good; ``field``: six.
            visible: Whether discs are drawn.
            cameras: Whether it is seen by two cameras.
            speed_limit: Bound of each component of the velocity, m/s, or None.
            factors: What looks other than usual, see ``factors.Option``.
            max_steps: Usual step limit; the world itself never stops.

        Raises:
            ValueError: If an option is not one of those above.
        """
        check_option("layout", layout, LAYOUTS)
        if speed_limit is not None:
            check_positive("speed_limit", speed_limit)
        self._layout_option, self._visible = layout, visible
        self._speed_limit, self._cameras = speed_limit, cameras
        self._placements: list[Placement] = []
        spec = _spec(
            max_steps,
            layout=layout,
            visible=visible,
            cameras=cameras,
            speed_limit=speed_limit,
            factors=dict(factors or {}),
        )
        super().__init__(num_envs, spec, point_mass.step, factors)

    def layout(self) -> list[dict[str, float]]:
        """Place and radius of every disc of each episode, metres; named factors."""
        check_started(self._placements)
        rows = super().layout()
        for row, placement in zip(rows, self._placements, strict=True):
            discs = enumerate(zip(placement.centres, placement.radii, strict=True), 1)
            numbers = {n: (*centre, radius) for n, (centre, radius) in discs}
            row.update(
                {
                    f"disc_{n}_{name}": float(value)
                    for n, values in numbers.items()
                    for name, value in zip(("x", "y", "radius"), values, strict=True)
                }
            )
        return rows

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) straight distance to the goal, metres."""
        return np.linalg.norm(labels["position"] - goal.labels["position"], axis=-1)

    def _begin(self, seeds: Sequence[int]) -> np.ndarray:
        self._placements = [place(seed, self._layout_option) for seed in seeds]
        centres = np.stack([p.centres for p in self._placements])
        self._x, self._y = centres[..., 0], centres[..., 1]
        self._radius = np.stack([p.radii for p in self._placements])
        shown = self._radius if self._visible else 0.0 * self._radius
        self._drawn = self._x, self._y, shown
        self._background = point_mass.floor(*self._drawn, self._look)
        return _at_rest(np.stack([p.start for p in self._placements]))

    def _limits(self) -> tuple[Limit, ...]:
        discs = [
            KeepOut(
                name=f"disc {index + 1}",
                label="position",
                disc=Disc(
                    x=self._x[:, index],
                    y=self._y[:, index],
                    radius=self._radius[:, index],
                ),
            )
            for index in range(self._radius.shape[1])
        ]
        if self._speed_limit is None:
            return tuple(discs)
        return *discs, Within(name="speed", label="velocity", size=self._speed_limit)

    def _goal(self, rule: str, rng: np.random.Generator, row: int) -> np.ndarray:
        return _at_rest(sample_goal(rng, self._placements[row], rule))

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        return _at_rest(rng.uniform(-point_mass.FLOOR, point_mass.FLOOR, 2))

    def _state_of(self, labels: Streams) -> np.ndarray:
        parts = [labels["position"], labels["velocity"]]
        return np.concatenate(parts, -1).astype(np.float64)

    def _observe(self, states: np.ndarray) -> dict[str, np.ndarray]:
        numbers, places = states.astype(np.float32), states[:, :2]
        floor = point_mass.draw(places, self._background, self._look)
        if not self._cameras:
            return {"pixels": floor, "state": numbers}
        near = point_mass.draw_close(places, *self._drawn, self._look)
        return {"front": floor, "wrist": near, "proprio": numbers[:, 2:]}


def _at_rest(positions: np.ndarray) -> np.ndarray:
    """(..., 4) states at (..., 2) positions."""
    return np.concatenate([positions, np.zeros_like(positions)], -1)


_STREAMS = {
    "pixels": StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8"),
    "state": StreamSpec(shape=(4,), dtype="float32", unit="m, m/s"),
}
_CAMERA_STREAMS = {
    "front": StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8"),
    "wrist": StreamSpec(shape=(point_mass.HIGH, point_mass.WIDE, 3), dtype="uint8"),
    "proprio": StreamSpec(shape=(2,), dtype="float32", unit="m/s"),
}


def _spec(max_steps: int, *, cameras: bool, **options: object) -> WorldSpec:
    limit = np.full(2, point_mass.ACCELERATION, np.float32)
    # Named only where it is on, so that recordings from before it can be gone on with.
    seen = {"cameras": True} if cameras else {}
    return WorldSpec(
        id="discs",
        action_low=-limit,
        action_high=limit,
        streams=_CAMERA_STREAMS if cameras else _STREAMS,
        labels={
            "position": StreamSpec(shape=(2,), dtype="float32", unit="m"),
            "velocity": StreamSpec(shape=(2,), dtype="float32", unit="m/s"),
        },
        max_steps=max_steps,
        options={**options, **seen, "max_steps": max_steps},
        foresight=Foresight(sigma=0.4, iterations=6),
    )
