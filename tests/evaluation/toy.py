"""A toy world and toy actors whose results can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telos.envs.errors import NotOfferedError
from telos.envs.world import Goal, Step, StreamSpec, WorldSpec
from telos.evaluation.protocol import Protocol
from telos.types import Policy, Streams

ZONE_RADIUS = 0.2


class ToyWorld:
    """A point in the plane: starts by seed, moves by at most 1 per axis plus noise."""

    goal_rules = ("origin", "seeded")
    behaviours = ("random",)

    def __init__(self, num_envs, *, start=0.0, noise=0.0, zone=False, stop_at=None):
        self.num_envs = num_envs
        self.start, self.noise, self.zone, self.stop_at = start, noise, zone, stop_at
        self.time = 0
        stream = StreamSpec(shape=(8, 8, 3), dtype="uint8")
        self.spec = WorldSpec(
            id="toy",
            action_low=-np.ones(2),
            action_high=np.ones(2),
            streams={"pixels": stream},
            labels={"position": StreamSpec(shape=(2,), dtype="float32", unit="m")},
            max_steps=10,
        )

    def reset(self, seeds: Sequence[int]) -> Step:
        assert len(seeds) == self.num_envs
        self.rngs = [np.random.default_rng([seed, 0]) for seed in seeds]
        draws = np.stack([rng.uniform(-1, 1, 2) for rng in self.rngs])
        self.position = self.start * draws
        self.time = 0
        return self._step(self.position)

    def step(self, actions: np.ndarray) -> Step:
        before = self.position
        noise = np.stack([rng.normal(0, 1, 2) for rng in self.rngs])
        moving = ~self._terminated()[:, None]
        change = np.clip(actions, -1, 1) + self.noise * noise
        self.position = before + moving * change
        self.time += 1
        return self._step(before)

    def _terminated(self) -> np.ndarray:
        if self.stop_at is None:
            return np.zeros(self.num_envs, bool)
        return self.position[:, 0] >= self.stop_at

    def _step(self, before: np.ndarray) -> Step:
        distance = np.linalg.norm((before + self.position) / 2, axis=-1)
        shade = np.clip(128 + 20 * self.position[:, :1], 0, 255).astype(np.uint8)
        return Step(
            observations={"pixels": np.tile(shade[:, :, None, None], (1, 8, 8, 3))},
            labels={"position": self.position.astype(np.float32)},
            terminated=self._terminated(),
            margins={"zone": distance - ZONE_RADIUS} if self.zone else {},
        )

    def layout(self) -> list[dict[str, float]]:
        row = {"zone_x": 0.0, "zone_y": 0.0, "zone_radius": ZONE_RADIUS}
        return [dict(row) if self.zone else {} for _ in range(self.num_envs)]

    def limits(self):
        zone = {"type": "keep-out-disc", "quantity": "position", "name": "zone"}
        zone |= {"center": [0.0, 0.0], "radius": ZONE_RADIUS}
        return [[zone] if self.zone else [] for _ in range(self.num_envs)]

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        position = np.zeros((self.num_envs, 2))
        if rule == "seeded":
            rngs = [np.random.default_rng([seed, 2]) for seed in seeds]
            position = np.stack([rng.uniform(-2, 2, 2) for rng in rngs])
        pixels = np.zeros((self.num_envs, 8, 8, 3), np.uint8)
        return Goal(observations={"pixels": pixels}, labels={"position": position})

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """Chebyshev: an action uniform in the square hits radius r with r squared."""
        return np.abs(labels["position"] - goal.labels["position"]).max(-1)

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        return self.distance(labels, goal)

    def behaviour(self, name: str) -> Policy:
        return RandomPolicy()

    def greedy(self, goal: Goal) -> Policy:
        return GreedyPolicy(goal)

    def expert(self, goal: Goal) -> Policy:
        return GreedyPolicy(goal)

    def oracle(self, goal: Goal):
        raise NotOfferedError("the toy world has no exact dynamics")

    def exact_state(self) -> np.ndarray:
        return self.position[:, None]

    def close(self) -> None:
        pass


class RandomPolicy:
    def reset(self, seeds: Sequence[int]) -> None:
        self.rngs = [np.random.default_rng([seed, 1]) for seed in seeds]

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        return np.stack([rng.uniform(-1, 1, 2) for rng in self.rngs])


class GreedyPolicy:
    def __init__(self, goal: Goal):
        self.goal = goal

    def reset(self, seeds: Sequence[int]) -> None:
        pass

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        return np.clip(self.goal.labels["position"] - labels["position"], -1, 1)


class RightActor:
    """Walks to the right by a fixed amount."""

    def __init__(self, step=1.0):
        self.size = step

    def reset(self, seeds, goal):
        pass

    def act(self, step):
        rows = len(step.labels["position"])
        return np.tile([self.size, 0.0], (rows, 1))


def protocol(**changes) -> Protocol:
    """A small protocol of the toy world."""
    fields = {
        "name": "toy",
        "description": "toy",
        "world": "toy",
        "goal_rule": "origin",
        "episodes": 10,
        "budget": 5,
        "radius": 0.5,
        "unit": "m",
        "success": "last-step",
        "first_seed": 100,
    }
    return Protocol(**{**fields, **changes})
