"""Two rooms as a batched world that poses goals and knows the truth about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from telos.envs.checks import (
    check_actions,
    check_count,
    check_option,
    check_seeds,
    check_started,
)
from telos.envs.exact import PathObjective
from telos.envs.factors import Option, check_factors, draw_look
from telos.envs.random_policy import RandomPolicy
from telos.envs.two_rooms import simulation as sim
from telos.envs.two_rooms.behaviour import TwoRoomsPolicy
from telos.envs.two_rooms.geodesic import path_length
from telos.envs.two_rooms.oracle import ExactTwoRooms, ExpertPolicy, StraightPolicy
from telos.envs.two_rooms.placement import Placement, place, sample_goal
from telos.envs.world import Goal, Step, StreamSpec, WorldSpec
from telos.envs.zones import Zone, stack_zones, zone_factors, zone_limits
from telos.types import Dynamics, Objective, Policy, Streams

GOAL_RULES = ("cross", "random", "same")
VISITORS = {"mixed": 0.8, "walk": 0.0, "visit": 1.0}
"""Scripted behaviour -> share of episodes that visit places instead of walking."""
BEHAVIOURS = (*VISITORS, "random", "wander")
WANDER_CORRELATION = 0.9


class TwoRooms:
    """B rooms with a wall and a door; see ``simulation`` for the physics.

    The agent sees ``pixels`` (64, 64, 3). Labels are ``position`` (2,), ``wall`` and
    ``door``, all in pixels. A zone is never drawn: the agent is told of it. With a zone
    every step reports the exact swept margin ``zone``.
    """

    success_radius = 4.5
    """Usual distance within which a goal counts as reached, pixels."""
    goal_rules = GOAL_RULES
    behaviours = BEHAVIOURS
    exact_dims: ClassVar = {"position": (0, 1)}
    """Where an exact state holds a label."""

    def __init__(
        self,
        num_envs: int = 1,
        *,
        layout: str = "random",
        split: str = "train",
        zone: str | Mapping[str, object] | None = None,
        factors: Option | None = None,
        max_steps: int = 200,
    ) -> None:
        """Build B rooms; call ``reset`` before anything else.

        Args:
            num_envs: B.
            layout: ``random`` per episode, or ``fixed``.
            split: ``train`` or ``test``: random layouts of the two never meet.
            zone: None, ``direct`` (a disc between start and door that leaves a way
                around) or a description, see ``zones.zone_from_option``.
            factors: What looks other than usual, see ``factors.Option``.
            max_steps: Usual step limit; the world itself never stops.

        Raises:
            ValueError: If an option is not one of those above.
        """
        check_option("layout", layout, ("random", "fixed"))
        check_option("split", split, ("train", "test"))
        if isinstance(zone, str):
            check_option("zone", zone, ("direct",))
        check_count("num_envs", num_envs)
        self._num_envs = num_envs
        self._layout, self._split, self._zone_option = layout, split, zone
        self._factors = dict(factors or {})
        check_factors(sim.FACTORS, self._factors)
        self._spec = _spec(
            max_steps, layout=layout, split=split, zone=zone, factors=self._factors
        )
        self._placements: list[Placement] = []
        self._layouts = sim.Layouts(wall=np.zeros(0), door=np.zeros(0))
        self._positions = np.zeros((0, 2))
        self._zone: Zone | None = None
        self._background = np.zeros((0, sim.SIZE, sim.SIZE, 3), np.uint8)

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return self._num_envs

    @property
    def zone(self) -> Zone | None:
        """The zones of the running episodes, fields (B,)."""
        return self._zone

    def reset(self, seeds: Sequence[int]) -> Step:
        """Start B new episodes; the seed alone decides layout, start and zone."""
        seeds = check_seeds(seeds, self._num_envs)
        options = self._layout, self._split, self._zone_option
        self._placements = [place(seed, *options) for seed in seeds]
        self._layouts = sim.Layouts(
            wall=np.array([p.wall for p in self._placements]),
            door=np.array([p.door for p in self._placements]),
        )
        self._positions = np.stack([p.position for p in self._placements])
        self._zone = stack_zones([p.zone for p in self._placements])
        self._look = draw_look(sim.FACTORS, self._factors, seeds)
        self._background = sim.render_background(self._layouts, self._look)
        return self._show(self._positions)

    def step(self, actions: np.ndarray) -> Step:
        """Displace B agents by (B, 2) pixels; longer steps are shortened."""
        check_started(self._placements)
        actions = check_actions(actions, self._num_envs, 2)
        previous = self._positions
        self._positions = sim.move(previous, actions, self._layouts)
        return self._show(previous)

    def layout(self) -> list[dict[str, float]]:
        """Wall, door and zone of each running episode, pixels, and named factors."""
        check_started(self._placements)
        rows = [{"wall": p.wall, "door": p.door} for p in self._placements]
        for index, row in enumerate(rows):
            row.update(self._look.row(index))
            if self._zone is not None:
                row.update(zone_factors(self._zone, index))
        return rows

    def limits(self) -> list[list[dict[str, Any]]]:
        """The zone of each running episode, if there are zones."""
        check_started(self._placements)
        return zone_limits(self._zone, self._num_envs)

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        """Goals for the running episodes: ``cross``, ``random`` or ``same`` room.

        A goal is at least 9 px from the start and can be reached around the zone.
        """
        check_started(self._placements)
        check_option("goal rule", rule, GOAL_RULES)
        seeds = check_seeds(seeds, self._num_envs)
        rows = zip(seeds, self._placements, strict=True)
        rngs = [(np.random.default_rng([seed, 2]), p) for seed, p in rows]
        return self.goal_at(np.stack([sample_goal(r, p, rule) for r, p in rngs]))

    def goal_at(self, positions: np.ndarray) -> Goal:
        """Goals at positions (B, 2) of the running episodes, pixels."""
        check_started(self._placements)
        positions = check_actions(positions, self._num_envs, 2)
        observations = {"pixels": self._render(positions)}
        return Goal(observations=observations, labels=self._labels(positions))

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) straight distance to the goal, pixels."""
        return np.linalg.norm(labels["position"] - goal.labels["position"], axis=-1)

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) shortest way through the door, pixels; a zone is not walked around."""
        check_started(self._placements)
        return path_length(labels["position"], goal.labels["position"], self._layouts)

    def behaviour(self, name: str) -> Policy:
        """``mixed``, ``walk`` or ``visit`` (scripted), ``random`` or ``wander``."""
        check_option("behaviour", name, BEHAVIOURS)
        if name in ("random", "wander"):
            correlation = WANDER_CORRELATION if name == "wander" else 0.0
            bounds = self._spec.action_low, self._spec.action_high
            return RandomPolicy(*bounds, correlation)
        return TwoRoomsPolicy(VISITORS[name])

    def greedy(self, goal: Goal) -> Policy:
        """The floor: head straight for the goal, ignoring walls."""
        return StraightPolicy(goal.labels["position"])

    def expert(self, goal: Goal) -> Policy:
        """Walks the shortest way; knows walls and door, but no zone."""
        return ExpertPolicy(goal.labels["position"])

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """Exact dynamics of the running episodes and the true path length."""
        check_started(self._placements)
        layouts, target = self._layouts, goal.labels["position"].astype(np.float64)
        objective = PathObjective(lambda states: path_length(states, target, layouts))
        return ExactTwoRooms(layouts), objective

    def simulator(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """The oracle: these rooms are as fast as they are exact."""
        return self.oracle(goal)

    def show(self, states: np.ndarray) -> Streams:
        """Frames (B, N, 64, 64, 3) of the running rooms with the agent at positions.

        Args:
            states: (B, N, 2) exact states, pixels.
        """
        check_started(self._placements)
        places = np.asarray(states, np.float64)
        rooms = np.repeat(self._background, places.shape[1], axis=0)
        look = self._look.repeated(places.shape[1])
        frames = sim.draw_dots(rooms, places.reshape(-1, 2), look)
        return {"pixels": frames.reshape(*places.shape[:2], *frames.shape[1:])}

    def exact_state(self) -> np.ndarray:
        """(B, 1, 2) float64 positions, pixels."""
        check_started(self._placements)
        return self._positions[:, None].copy()

    def close(self) -> None:
        """Nothing to release."""

    def _show(self, previous: np.ndarray) -> Step:
        margins = {}
        if self._zone is not None:
            margins["zone"] = self._zone.swept_margin(previous, self._positions)
        return Step(
            observations={"pixels": self._render(self._positions)},
            labels=self._labels(self._positions),
            terminated=np.zeros(self._num_envs, bool),
            margins=margins,
        )

    def _render(self, positions: np.ndarray) -> np.ndarray:
        return sim.draw_dots(self._background, positions, self._look)

    def _labels(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        return {
            "position": positions.astype(np.float32),
            "wall": self._layouts.wall.astype(np.float32),
            "door": self._layouts.door.astype(np.float32),
        }


def _spec(max_steps: int, **options: object) -> WorldSpec:
    limit = np.full(2, sim.MAX_STEP, np.float32)
    return WorldSpec(
        id="two-rooms",
        action_low=-limit,
        action_high=limit,
        streams={"pixels": StreamSpec(shape=(sim.SIZE, sim.SIZE, 3), dtype="uint8")},
        labels={
            "position": StreamSpec(shape=(2,), dtype="float32", unit="px"),
            "wall": StreamSpec(shape=(), dtype="float32", unit="px"),
            "door": StreamSpec(shape=(), dtype="float32", unit="px"),
        },
        max_steps=max_steps,
        options={**options, "max_steps": max_steps},
    )
