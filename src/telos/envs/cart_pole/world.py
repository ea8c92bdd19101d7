"""The cart-pole as a batched world that poses goals and knows the truth about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from telos.envs.cart_pole import physics
from telos.envs.checks import check_positive
from telos.envs.factors import Option
from telos.envs.limits import Limit, Within
from telos.envs.raster import SIZE
from telos.envs.regulator import Body, Regulator, RegulatorPolicy, Weights
from telos.envs.simulated import SimulatedWorld
from telos.envs.world import Foresight, Goal, StreamSpec, WorldSpec
from telos.types import Policy, Streams

PLACES = 1.0
"""Starts and goals lie within this of the middle of the rail, metres."""
APART = 0.5
"""Shortest distance of start and goal, metres."""
LEAN = 0.05
"""Poles start leaning by at most this, rad."""
REACH = 0.4
"""Error of the cart's place that feedback acts on, at most, metres."""
END = 1.5
"""Where the rail ends, metres from its middle: an episode does too."""
FALLEN = np.pi / 2
"""Angle at which the pole lies and the episode ends, rad."""
MAX_STEPS = 120


class CartPole(SimulatedWorld):
    """B carts that go to another place with their poles upright.

    The action (1,) is a force, N. The agent sees ``pixels`` (64, 64, 3) and ``state``:
    cart (m), its speed (m/s), angle (rad) and its speed (rad/s), which are also labels:
    ``cart``, ``cart_speed``, ``angle``, ``speed``. The label ``position`` is the upper
    end of the pole (m). Margins are ``track`` (m) and ``angle`` (rad).

    An episode ends when the pole lies or the rail does; both are far beyond the limits.
    """

    success_radius = 0.1
    """Usual distance within which a goal counts as reached, metres."""
    goal_rules = ("elsewhere",)
    exact_dims: ClassVar = {
        "cart": (0,),
        "cart_speed": (1,),
        "angle": (2,),
        "speed": (3,),
    }
    weights = Weights(state=(1.0, 0.05, 0.5, 0.05), effort=0.1)
    factors = physics.FACTORS

    def __init__(
        self,
        num_envs: int = 1,
        *,
        track: float = 1.2,
        angle_limit: float = 0.15,
        factors: Option | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Build B carts; call ``reset`` before anything else.

        Args:
            num_envs: B.
            track: Bound of the cart's distance from the middle of the rail, metres,
                between 1 (where goals may lie) and 1.5 (where the rail ends).
            angle_limit: Bound of the pole's angle, rad, more than the 0.05 that it may
                lean at the start.
            max_steps: Usual step limit.

        Raises:
            ValueError: If an option is out of range.
        """
        check_positive("track", track)
        if not PLACES < track <= END:
            raise ValueError(
                f"track is {track}: expected more than {PLACES}, where goals may lie, "
                f"and at most {END}, where the rail ends."
            )
        if not LEAN < angle_limit < FALLEN:
            raise ValueError(
                f"angle_limit is {angle_limit}: expected more than {LEAN}, which poles "
                f"lean at the start, and less than {FALLEN:.2f}, where they lie."
            )
        self._track, self._angle_limit = track, angle_limit
        spec = _spec(
            max_steps,
            track=track,
            angle_limit=angle_limit,
            factors=dict(factors or {}),
        )
        super().__init__(num_envs, spec, physics.step, factors)

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) metres that the farther end of the pole is from where it should be."""
        lower = np.abs(labels["cart"] - goal.labels["cart"])
        upper = np.linalg.norm(labels["position"] - goal.labels["position"], axis=-1)
        return np.maximum(lower, upper)

    def greedy(self, goal: Goal) -> Policy:
        """The floor: push the cart to its place as if no pole stood on it."""
        return RegulatorPolicy(_without_pole(self._state_of(goal.labels)), self._body)

    def expert(self, goal: Goal) -> Policy:
        """The linear-quadratic regulator; it keeps the pole up and knows no limits."""
        return super().greedy(goal)

    @property
    def _body(self) -> Body:
        return replace(super()._body, error=_within_reach)

    def _begin(self, seeds: Sequence[int]) -> np.ndarray:
        rngs = [np.random.default_rng([seed, 0]) for seed in seeds]
        states = np.stack([self._place(rng) for rng in rngs])
        states[:, 2] = [rng.uniform(-LEAN, LEAN) for rng in rngs]
        return states

    def _limits(self) -> tuple[Limit, ...]:
        return (
            Within(name="track", label="cart", size=self._track),
            Within(name="angle", label="angle", size=self._angle_limit),
        )

    def _goal(self, rule: str, rng: np.random.Generator, row: int) -> np.ndarray:
        """Any place that is far enough from the present one."""
        here = self._states[row, 0]
        below = max(here - APART + PLACES, 0.0)
        above = max(PLACES - here - APART, 0.0)
        drawn = rng.uniform(0.0, below + above)
        place = drawn - PLACES if drawn < below else here + APART + drawn - below
        return np.array([place, 0.0, 0.0, 0.0])

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        return np.array([rng.uniform(-PLACES, PLACES), 0.0, 0.0, 0.0])

    def _state_of(self, labels: Streams) -> np.ndarray:
        return np.stack([labels[name] for name in self.exact_dims], -1).astype(float)

    def _quantities(self, states: np.ndarray) -> dict[str, np.ndarray]:
        return {**super()._quantities(states), "position": physics.tip(states)}

    def _is_over(self, states: np.ndarray) -> np.ndarray:
        return (np.abs(states[:, 2]) >= FALLEN) | (np.abs(states[:, 0]) >= END)

    def _observe(self, states: np.ndarray) -> dict[str, np.ndarray]:
        pixels = physics.draw(states, END, self._look)
        return {"pixels": pixels, "state": states.astype(np.float32)}


def _within_reach(apart: Tensor) -> Tensor:
    """Errors (..., 4) of which the cart's is cut off.

    A regulator that saw the whole way would push harder than its bounds allow, and
    drop the pole.
    """
    cart = apart[..., :1].clamp(-REACH, REACH)
    return torch.cat([cart, apart[..., 1:]], -1)


def _without_pole(targets: np.ndarray) -> Regulator:
    """Critically damped pursuit of the cart's place, blind to the pole."""
    num, push = len(targets), physics.CART / physics.FORCE
    gain = np.array([[4.0, 4.0, 0.0, 0.0]]) * push
    return Regulator(
        target=targets,
        rest=np.zeros((num, 1)),
        gain=np.repeat(gain[None], num, 0),
        value=np.zeros((num, 4, 4)),
    )


def _spec(max_steps: int, **options: object) -> WorldSpec:
    limit = np.full(1, physics.FORCE, np.float32)
    units = {"cart": "m", "cart_speed": "m/s", "angle": "rad", "speed": "rad/s"}
    numbers = {
        name: StreamSpec(shape=(), dtype="float32", unit=unit)
        for name, unit in units.items()
    }
    return WorldSpec(
        id="cart-pole",
        action_low=-limit,
        action_high=limit,
        streams={
            "pixels": StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8"),
            "state": StreamSpec(shape=(4,), dtype="float32", unit="m, m/s, rad, rad/s"),
        },
        labels={
            **numbers,
            "position": StreamSpec(shape=(2,), dtype="float32", unit="m"),
        },
        max_steps=max_steps,
        options={**options, "max_steps": max_steps},
        foresight=Foresight(sigma=0.2, samples=128, iterations=8),
    )
