"""A point mass in a MuJoCo maze, seen from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from telos.envs.checks import (
    check_actions,
    check_count,
    check_option,
    check_seeds,
    check_started,
)
from telos.envs.errors import NotOfferedError
from telos.envs.exact import PathObjective
from telos.envs.factors import Option, check_factors, draw_look
from telos.envs.headless import require_gl
from telos.envs.mixture import MixturePolicy
from telos.envs.point_maze.behaviour import GoalPolicy, VisitPolicy, sample_free
from telos.envs.point_maze.picture import MazePicture, factors_of
from telos.envs.point_maze.rollout import ExactPointMaze
from telos.envs.point_maze.scene import IMAGE, MAZES, SUPERSAMPLE, MazeScene, State
from telos.envs.random_policy import RandomPolicy
from telos.envs.visibility import VisibilityMap
from telos.envs.world import Goal, Step, StreamSpec, WorldSpec
from telos.envs.zones import Zone, zone_factors, zone_from_option, zone_limits
from telos.types import Dynamics, Objective, Policy, Streams

BALL_RADIUS = 0.1
"""Radius of the ball that collides, metres."""
ROUTE_CLEARANCE = 0.25
"""Distance that scripted ways keep from walls, metres."""
START_NOISE = 0.25
"""A start lies within this of the middle of a cell along each axis, metres."""
GOAL_NOISE = 0.35
"""The same for goals."""
GOAL_DISTANCE, FAR_PATH = 1.0, 2.5
"""Shortest straight distance of start and goal; shortest way under the rule far."""
ZONE_ROOM = 0.15
"""Starts and goals keep this far from a zone, metres."""
SEES = ("pixels", "state")
DRAWINGS = ("mujoco", "flat")
WANDER_CORRELATION = 0.95
ATTEMPTS = 1000


class PointMaze:
    """B point masses in one maze, with the physics of gymnasium-robotics.

    The action (2,) in [-1, 1] is a force. The agent sees ``pixels`` (64, 64, 3) and
    ``proprio``, its velocity (2,) in m/s, or ``state``: position and velocity. Labels
    are ``position`` (m) and ``velocity`` (m/s). Start and goal are free places; an
    episode never stops by itself.
    """

    success_radius = 0.5
    """Usual distance within which a goal counts as reached, metres."""
    goal_rules = ("random", "far")
    behaviours = ("mixed", "waypoint", "random", "wander")
    exact_dims: ClassVar = {"position": (0, 1), "velocity": (2, 3)}
    """Where an exact state holds a label."""

    def __init__(
        self,
        num_envs: int = 1,
        *,
        maze: str = "umaze",
        sees: str = "pixels",
        drawing: str = "mujoco",
        action_repeat: int = 1,
        zone: Mapping[str, object] | None = None,
        factors: Option | None = None,
        supersample: int = SUPERSAMPLE,
        max_steps: int | None = None,
    ) -> None:
        """Build B mazes; call ``reset`` before anything else.

        Args:
            num_envs: B.
            maze: ``umaze``, ``medium``, ``large``, or the id of a registered PointMaze
                environment, of which only the maze is taken.
            sees: ``pixels`` and velocity, or ``state``, which draws nothing.
            drawing: Who draws: ``mujoco``, or ``flat``: we, many times as fast.
            action_repeat: Simulator steps of 0.01 s per step of the world.
            zone: A keep-out zone in metres, see ``zones.zone_from_option``.
            factors: What looks other than usual, see ``factors.Option``.
            supersample: MuJoCo's frames are drawn this much larger and averaged.
            max_steps: Usual step limit; that of the registered environment unless
                told: 300, 600 and 800 simulator steps.

        Raises:
            ImportError: If MuJoCo or a GL library is missing.
            ValueError: If an option is out of range.
        """
        check_count("num_envs", num_envs)
        check_count("action_repeat", action_repeat)
        check_count("supersample", supersample)
        check_option("sees", sees, SEES)
        check_option("drawing", drawing, DRAWINGS)
        if sees == "pixels" and drawing == "mujoco":
            require_gl()
        self._num_envs, self._repeat = num_envs, action_repeat
        self._zone_option = zone
        self._zone: Zone | None = None
        self._sees, self._drawing = sees, drawing
        maze = {name: short for short, name in MAZES.items()}.get(maze, maze)
        self._scene = MazeScene(maze, supersample)
        walls = self._scene.walls
        self.factors, self._varied = factors_of(walls), dict(factors or {})
        check_factors(self.factors, self._varied)
        self._map = VisibilityMap(walls, BALL_RADIUS)
        self._routes = VisibilityMap(walls, ROUTE_CLEARANCE)
        steps = max_steps or self._scene.max_steps // action_repeat
        self._spec = _spec(
            max_steps=steps,
            maze=maze,
            sees=sees,
            drawing=drawing,
            action_repeat=action_repeat,
            zone=zone,
            factors=self._varied,
            supersample=supersample,
        )
        self._states = []

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
        """Start B new episodes at rest; the seed alone decides the start."""
        seeds = check_seeds(seeds, self._num_envs)
        if self._zone_option is not None:
            self._zone = zone_from_option(self._zone_option, self._num_envs)
        self._look = draw_look(self.factors, self._varied, seeds)
        self._picture = MazePicture(self._scene.walls, self._look)
        rngs = [np.random.default_rng([seed, 0]) for seed in seeds]
        starts = [self._sample(rng, START_NOISE) for rng in rngs]
        self._states = [self._scene.new_state(start) for start in starts]
        return self._show(np.stack(starts))

    def step(self, actions: np.ndarray) -> Step:
        """Apply B forces (B, 2), clipped to [-1, 1]."""
        check_started(self._states)
        actions = np.clip(check_actions(actions, self._num_envs, 2), -1.0, 1.0)
        previous = self._positions()
        for state, action in zip(self._states, actions, strict=True):
            self._scene.advance(state, action, self._repeat)
        return self._show(previous)

    def layout(self) -> list[dict[str, float]]:
        """Zone (metres) and named factors of each running episode."""
        check_started(self._states)
        rows = [self._look.row(index) for index in range(self._num_envs)]
        if self._zone is not None:
            for index, row in enumerate(rows):
                row.update(zone_factors(self._zone, index))
        return rows

    def limits(self) -> list[list[dict[str, Any]]]:
        """The zone of each running episode, if there are zones."""
        check_started(self._states)
        return zone_limits(self._zone, self._num_envs)

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        """Goals at rest: ``random`` free places, or ``far``: at least 2.5 m to go."""
        check_started(self._states)
        check_option("goal rule", rule, self.goal_rules)
        seeds = check_seeds(seeds, self._num_envs)
        rows = zip(seeds, self._positions(), strict=True)
        return self.goal_at(np.stack([self._goal(rule, seed, at) for seed, at in rows]))

    def goal_at(self, positions: np.ndarray) -> Goal:
        """Goals at rest at positions (B, 2), metres."""
        positions = check_actions(positions, self._num_envs, 2)
        states = [self._scene.new_state(position) for position in positions]
        still = np.zeros((self._num_envs, 2), np.float32)
        return Goal(
            observations=self._observe(states),
            labels={"position": positions.astype(np.float32), "velocity": still},
        )

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) straight distance to the goal, metres."""
        return np.linalg.norm(labels["position"] - goal.labels["position"], axis=-1)

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) shortest way around the walls, metres; a zone is not walked around."""
        return self._map.length(labels["position"], goal.labels["position"])

    def behaviour(self, name: str) -> Policy:
        """``waypoint``, ``random``, ``wander``, or ``mixed``: mostly waypoint."""
        check_option("behaviour", name, self.behaviours)
        bounds = self._spec.action_low, self._spec.action_high
        if name == "random":
            return RandomPolicy(*bounds)
        wander = RandomPolicy(*bounds, WANDER_CORRELATION)
        if name == "wander":
            return wander
        visit = VisitPolicy(self._routes)
        return visit if name == "waypoint" else MixturePolicy(visit, wander, 0.7)

    def greedy(self, goal: Goal) -> Policy:
        """The floor: steer straight for the goal, ignoring walls."""
        return GoalPolicy(goal.labels["position"], None)

    def expert(self, goal: Goal) -> Policy:
        """The ceiling: steer along the shortest way; knows no zone."""
        return GoalPolicy(goal.labels["position"], self._routes)

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """Not offered.

        Raises:
            NotOfferedError: Always; thousands of MuJoCo steps per decision would make
                the ceiling slower than the rest of an evaluation. Who has the time
                asks for the ``simulator``.
        """
        raise NotOfferedError(
            "point-maze offers no exact dynamics for planning: use expert(goal), which "
            "steers along the shortest way, as the ceiling."
        )

    def simulator(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """MuJoCo itself, about 10 000 steps a second, and the true path length."""
        check_started(self._states)
        target = goal.labels["position"].astype(np.float64)
        objective = PathObjective(partial(self._ways_to, target))
        return ExactPointMaze(self._scene, self._repeat), objective

    def show(self, states: np.ndarray) -> Streams:
        """What would be seen in exact states: name -> (B, N, ...).

        Args:
            states: (B, N, 4), metres and m/s.
        """
        check_started(self._states)
        states = np.asarray(states, np.float64)
        if self._sees == "state":
            return {"state": states.astype(np.float32)}
        velocity = states[..., 2:].astype(np.float32)
        if self._drawing == "flat":
            return {"pixels": self._picture.draw(states[..., :2]), "proprio": velocity}
        frames = [
            [self._scene.render_at(s[:2], self._look, row) for s in visited]
            for row, visited in enumerate(states)
        ]
        pixels = np.stack(
            [self._look.shine(np.stack(f)) for f in zip(*frames, strict=True)], 1
        )
        return {"pixels": pixels, "proprio": velocity}

    def exact_state(self) -> np.ndarray:
        """(B, 1, 4) float64 position (m) and velocity (m/s)."""
        check_started(self._states)
        rows = [np.concatenate([s.qpos, s.qvel]) for s in self._states]
        return np.stack(rows)[:, None]

    def close(self) -> None:
        """Release the renderer."""
        self._scene.close()

    def _ways_to(self, target: np.ndarray, states: np.ndarray) -> np.ndarray:
        """(B, ...) lengths of the ways from states (B, ..., 4) to targets (B, 2)."""
        places = states[..., :2]
        aims = target.reshape(len(target), *[1] * (places.ndim - 2), 2)
        aims = np.broadcast_to(aims, places.shape)
        lengths = self._map.length(places.reshape(-1, 2), aims.reshape(-1, 2))
        return lengths.reshape(places.shape[:-1])

    def _positions(self) -> np.ndarray:
        return np.stack([state.qpos for state in self._states]).copy()

    def _show(self, previous: np.ndarray) -> Step:
        positions = self._positions()
        velocity = np.stack([state.qvel for state in self._states]).astype(np.float32)
        margins = {}
        if self._zone is not None:
            margins["zone"] = self._zone.swept_margin(previous, positions)
        return Step(
            observations=self._observe(self._states),
            labels={"position": positions.astype(np.float32), "velocity": velocity},
            terminated=np.zeros(self._num_envs, bool),
            margins=margins,
        )

    def _observe(self, states: Sequence[State]) -> dict[str, np.ndarray]:
        """Streams of the B environments in states of the simulator."""
        position = np.stack([state.qpos for state in states])
        velocity = np.stack([state.qvel for state in states])
        if self._sees == "state":
            both = np.concatenate([position, velocity], -1)
            return {"state": both.astype(np.float32)}
        if self._drawing == "flat":
            pixels = self._picture.draw(position[:, None])[:, 0]
        else:
            rows = enumerate(states)
            frames = [self._scene.render(s, self._look, row) for row, s in rows]
            pixels = self._look.shine(np.stack(frames))
        return {"pixels": pixels, "proprio": velocity.astype(np.float32)}

    def _sample(self, rng: np.random.Generator, noise: float) -> np.ndarray:
        """(2,) free place outside the zone."""
        for _ in range(ATTEMPTS):
            place = sample_free(rng, self._scene.walls, noise)
            if self._zone is None or self._zone.margin(place[None])[0] > ZONE_ROOM:
                return place
        raise self._no_room("start")

    def _goal(self, rule: str, seed: int, start: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng([seed, 2])
        for _ in range(ATTEMPTS):
            goal = self._sample(rng, GOAL_NOISE)
            apart = float(np.linalg.norm(goal - start)) >= GOAL_DISTANCE
            way = self._map.length(start[None], goal[None])[0] if apart else 0.0
            if apart and (rule == "random" or way >= FAR_PATH):
                return goal
        raise self._no_room(f"{rule} goal")

    def _no_room(self, what: str) -> ValueError:
        return ValueError(
            f"no free {what} was found in {ATTEMPTS} draws with "
            f"zone={self._zone_option!r}: make the zone smaller or move it."
        )


def _spec(max_steps: int, sees: str, **options: object) -> WorldSpec:
    streams = {
        "pixels": StreamSpec(shape=(IMAGE, IMAGE, 3), dtype="uint8"),
        "proprio": StreamSpec(shape=(2,), dtype="float32", unit="m/s"),
        "state": StreamSpec(shape=(4,), dtype="float32", unit="m, m/s"),
    }
    shown = ("state",) if sees == "state" else ("pixels", "proprio")
    return WorldSpec(
        id="point-maze",
        action_low=np.full(2, -1.0, np.float32),
        action_high=np.full(2, 1.0, np.float32),
        streams={name: streams[name] for name in shown},
        labels={
            "position": StreamSpec(shape=(2,), dtype="float32", unit="m"),
            "velocity": StreamSpec(shape=(2,), dtype="float32", unit="m/s"),
        },
        max_steps=max_steps,
        options={"sees": sees, **options, "max_steps": max_steps},
    )
