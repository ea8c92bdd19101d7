"""Four rooms as a batched world that poses goals and knows the truth about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from telos.envs.checks import (
    check_actions,
    check_count,
    check_option,
    check_seeds,
    check_started,
)
from telos.envs.exact import ExactDynamics, PathObjective
from telos.envs.factors import Option, check_factors, draw_look
from telos.envs.four_rooms.behaviour import (
    AHEAD,
    ExpertPolicy,
    RandomMoves,
    VisitPolicy,
)
from telos.envs.four_rooms.grid import (
    ACTIONS,
    SIDE,
    Moves,
    actions_to,
    cells_to,
    draw_cell,
    draw_doors,
    room_of,
    walls_of,
)
from telos.envs.four_rooms.picture import FACTORS, draw_agents, draw_walls
from telos.envs.mixture import MixturePolicy
from telos.envs.raster import SIZE
from telos.envs.world import Foresight, Goal, Step, StreamSpec, WorldSpec
from telos.types import Dynamics, Objective, Policy, Streams

VISITS = 0.7
"""Share of the episodes of ``mixed`` that visit cells instead of wandering."""
APART = 3
"""Fewest actions between a start and a goal."""
MAX_STEPS = 100


class FourRooms:
    """B grids of four rooms whose doors are elsewhere in every episode.

    The action (3,) in [0, 1] says how much each of turn left, turn right and step
    forward is wanted; the largest is done. The agent sees ``pixels`` (64, 64, 3) and
    ``state``: column, row, and direction as one of four. Labels are ``position``
    (cells) and ``direction`` (quarter turns from right, clockwise). Directions of
    goals do not count.
    """

    success_radius = 0.5
    """Within it lies one cell: that of the goal."""
    goal_rules = ("random", "cross")
    behaviours = ("mixed", "visit", "random", "wander")
    exact_dims: ClassVar = {"position": (0, 1), "direction": (2,)}
    """Where an exact state holds a label."""

    def __init__(
        self,
        num_envs: int = 1,
        *,
        split: str = "train",
        factors: Option | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Build B grids; call ``reset`` before anything else.

        Args:
            num_envs: B.
            split: ``train`` or ``test``: layouts of the two never meet.
            factors: What looks other than usual, see ``factors.Option``.
            max_steps: Usual step limit; the world itself never stops.

        Raises:
            ValueError: If an option is not one of those above.
        """
        check_count("num_envs", num_envs)
        check_option("split", split, ("train", "test"))
        self._num_envs, self._split = num_envs, split
        self._factors = dict(factors or {})
        check_factors(FACTORS, self._factors)
        self._spec = _spec(max_steps, split=split, factors=self._factors)
        self._poses = np.zeros((0, 3))

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return self._num_envs

    def reset(self, seeds: Sequence[int]) -> Step:
        """Start B new episodes; the seed alone decides doors and start."""
        seeds = check_seeds(seeds, self._num_envs)
        rngs = [np.random.default_rng([seed, 0]) for seed in seeds]
        self._doors = np.stack([draw_doors(rng, self._split) for rng in rngs])
        self._walls = walls_of(self._doors)
        self._moves = Moves(self._walls)
        rows = zip(rngs, self._walls, strict=True)
        poses = [np.append(draw_cell(r, w), r.integers(4)) for r, w in rows]
        self._poses = np.stack(poses).astype(np.float64)
        self._look = draw_look(FACTORS, self._factors, seeds)
        self._background = draw_walls(self._walls, self._look)
        return self._show()

    def step(self, actions: np.ndarray) -> Step:
        """Do what is largest in each of (B, 3) actions."""
        check_started(self._poses)
        actions = check_actions(actions, self._num_envs, ACTIONS)
        present, wanted = (torch.from_numpy(a)[:, None] for a in (self._poses, actions))
        self._poses = self._moves(present, wanted)[:, 0].numpy()
        return self._show()

    def layout(self) -> list[dict[str, float]]:
        """Doors of each running episode, row or column, and named factors."""
        check_started(self._poses)
        names = "door_upper", "door_lower", "door_left", "door_right"
        return [
            {**dict(zip(names, map(float, doors), strict=True)), **self._look.row(row)}
            for row, doors in enumerate(self._doors)
        ]

    def limits(self) -> list[list[dict[str, Any]]]:
        """Nothing is forbidden."""
        check_started(self._poses)
        return [[] for _ in range(self._num_envs)]

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        """Goals for the running episodes: ``random``, or ``cross``: in another room."""
        check_started(self._poses)
        check_option("goal rule", rule, self.goal_rules)
        seeds = check_seeds(seeds, self._num_envs)
        rngs = [np.random.default_rng([seed, 2]) for seed in seeds]
        cells = [self._goal(rule, rng, row) for row, rng in enumerate(rngs)]
        turns = np.array([rng.integers(4) for rng in rngs])
        return self.goal_at(np.column_stack([np.stack(cells), turns]))

    def goal_at(self, poses: np.ndarray) -> Goal:
        """Goals in poses (B, 3): column, row, direction."""
        check_started(self._poses)
        poses = check_actions(poses, self._num_envs, 3)
        return Goal(observations=self._observe(poses), labels=_labels(poses))

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) straight distance to the goal, cells."""
        return np.linalg.norm(labels["position"] - goal.labels["position"], axis=-1)

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) cells to go; infinite from inside a wall."""
        check_started(self._poses)
        ways = cells_to(self._walls, _cells(goal.labels))
        column, row = np.clip(_cells(labels), 0, SIDE - 1).T
        return ways[np.arange(self._num_envs), row, column]

    def behaviour(self, name: str) -> Policy:
        """``visit``, ``random``, ``wander`` (mostly forward), or ``mixed``: mostly
        visit."""
        check_option("behaviour", name, self.behaviours)
        if name == "random":
            return RandomMoves([1 / ACTIONS] * ACTIONS)
        turns = (1 - AHEAD) / 2
        wander = RandomMoves([turns, turns, AHEAD])
        if name == "wander":
            return wander
        visit = VisitPolicy(lambda: self._walls)
        return visit if name == "visit" else MixturePolicy(visit, wander, VISITS)

    def greedy(self, goal: Goal) -> Policy:
        """The floor: the fewest actions if there were no inner walls."""
        check_started(self._poses)
        open_floor = np.ones((self._num_envs, SIDE, SIDE), bool)
        open_floor[:, 1:-1, 1:-1] = False
        return ExpertPolicy(open_floor, _cells(goal.labels))

    def expert(self, goal: Goal) -> Policy:
        """The ceiling: the fewest actions that there are."""
        check_started(self._poses)
        return ExpertPolicy(self._walls, _cells(goal.labels))

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """The moves themselves, and how many actions are still needed.

        The dynamics does the largest of each action, whatever its range.
        """
        check_started(self._poses)
        needed = actions_to(self._walls, _cells(goal.labels))

        def length(states: np.ndarray) -> np.ndarray:
            x, y, direction = np.moveaxis(np.rint(states).astype(int), -1, 0)
            rows = np.arange(len(states)).reshape(-1, *[1] * (x.ndim - 1))
            return needed[rows, direction, y, x]

        return ExactDynamics(self._moves), PathObjective(length)

    def simulator(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """The oracle: this grid is as fast as it is exact."""
        return self.oracle(goal)

    def show(self, states: np.ndarray) -> Streams:
        """What would be seen in (B, N, 3) poses: name -> (B, N, ...)."""
        check_started(self._poses)
        poses = np.asarray(states, np.float64)
        times = poses.shape[1]
        flat, look = poses.reshape(-1, 3), self._look.repeated(times)
        pixels = draw_agents(np.repeat(self._background, times, 0), flat, look)
        numbers = _numbers(flat)
        return {
            "pixels": pixels.reshape(*poses.shape[:2], *pixels.shape[1:]),
            "state": numbers.reshape(*poses.shape[:2], *numbers.shape[1:]),
        }

    def exact_state(self) -> np.ndarray:
        """(B, 1, 3) float64 poses."""
        check_started(self._poses)
        return self._poses[:, None].copy()

    def close(self) -> None:
        """End the episodes; there is nothing to release."""
        self._poses = self._poses[:0]

    def _goal(self, rule: str, rng: np.random.Generator, row: int) -> np.ndarray:
        """(2,) free cell that is far enough from the present one."""
        here = self._poses[row, :2].astype(int)
        while True:
            cell = draw_cell(rng, self._walls[row])
            far = np.abs(cell - here).sum() >= APART
            if far and (rule == "random" or room_of(cell) != room_of(here)):
                return cell

    def _show(self) -> Step:
        return Step(
            observations=self._observe(self._poses),
            labels=_labels(self._poses),
            terminated=np.zeros(self._num_envs, bool),
        )

    def _observe(self, poses: np.ndarray) -> dict[str, np.ndarray]:
        pixels = draw_agents(self._background, poses, self._look)
        return {"pixels": pixels, "state": _numbers(poses)}


def _cells(labels: Streams) -> np.ndarray:
    """(B, 2) int cells of labels."""
    return np.rint(labels["position"]).astype(int)


def _numbers(poses: np.ndarray) -> np.ndarray:
    """(B, 6) float32: column, row, direction as one of four."""
    directions = np.eye(4)[poses[:, 2].astype(int)]
    return np.concatenate([poses[:, :2], directions], -1).astype(np.float32)


def _labels(poses: np.ndarray) -> dict[str, np.ndarray]:
    poses = poses.astype(np.float32)
    return {"position": poses[:, :2], "direction": poses[:, 2]}


def _spec(max_steps: int, **options: object) -> WorldSpec:
    return WorldSpec(
        id="four-rooms",
        action_low=np.zeros(ACTIONS, np.float32),
        action_high=np.ones(ACTIONS, np.float32),
        streams={
            "pixels": StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8"),
            "state": StreamSpec(shape=(6,), dtype="float32", unit="cells, 1"),
        },
        labels={
            "position": StreamSpec(shape=(2,), dtype="float32", unit="cells"),
            "direction": StreamSpec(shape=(), dtype="float32", unit="quarter turns"),
        },
        max_steps=max_steps,
        options={**options, "max_steps": max_steps},
        foresight=Foresight(horizon=10, samples=128),
    )
