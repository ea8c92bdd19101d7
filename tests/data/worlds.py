"""A small world whose every number follows from the seed of its episode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telos.envs.world import Step, StreamSpec, WorldSpec
from telos.types import Episode, Streams

SIZE = 20


def drift_spec(**changes: object) -> WorldSpec:
    fields = {
        "id": "drift",
        "action_low": np.array([-2.0, -1.0], np.float32),
        "action_high": np.array([2.0, 3.0], np.float32),
        "streams": {
            "pixels": StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8"),
            "state": StreamSpec(shape=(2,), dtype="float32", unit="m"),
        },
        "labels": {"position": StreamSpec(shape=(2,), dtype="float32", unit="m")},
        "max_steps": 30,
        "options": {"layout": "random"},
    }
    return WorldSpec(**{**fields, **changes})


class DriftWorld:
    """A point that is moved by its action and by noise from the episode's own seed.

    The episode of seed s ends after ``5 + s % 7`` steps when ``ends`` is set.
    """

    def __init__(self, num_envs: int = 3, *, ends: bool = False) -> None:
        self.num_envs, self.ends, self.spec = num_envs, ends, drift_spec()

    def reset(self, seeds: Sequence[int]) -> Step:
        assert len(seeds) == self.num_envs
        self.seeds, self.time = list(seeds), 0
        self.rngs = [np.random.default_rng(seed) for seed in seeds]
        self.position = np.stack([rng.normal(size=2) for rng in self.rngs])
        self.over = np.zeros(self.num_envs, bool)
        return self._show()

    def step(self, actions: np.ndarray) -> Step:
        noise = np.stack([rng.normal(size=2) for rng in self.rngs])
        moved = self.position + 0.5 * actions + 0.1 * noise
        self.position = np.where(self.over[:, None], self.position, moved)
        self.time += 1
        if self.ends:
            self.over |= np.array([self.time >= 5 + s % 7 for s in self.seeds])
        return self._show()

    def layout(self) -> list[dict[str, float]]:
        return [{"wall": seed / 2} for seed in self.seeds]

    def close(self) -> None:
        pass

    def behaviour(self, name: str) -> NoisePolicy:
        assert name == "random"
        return NoisePolicy(self.spec)

    def _show(self) -> Step:
        position = self.position.astype(np.float32)
        streams = {"pixels": picture(position), "state": position}
        return Step(
            observations=streams, labels={"position": position}, terminated=self.over
        )


class NoisePolicy:
    """Uniform actions, a little beyond the bounds, from each episode's own seed."""

    def __init__(self, spec: WorldSpec) -> None:
        self.spec = spec

    def reset(self, seeds: Sequence[int]) -> None:
        self.rngs = [np.random.default_rng([seed, 1]) for seed in seeds]

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        low, high = self.spec.action_low - 0.3, self.spec.action_high + 0.3
        return np.stack([rng.uniform(low, high) for rng in self.rngs])


def picture(position: np.ndarray) -> np.ndarray:
    """(B, 2) positions as (B, SIZE, SIZE, 3) frames with a soft dot."""
    y, x = np.mgrid[:SIZE, :SIZE]
    centre = SIZE / 2 + position[:, :, None, None]
    distance = np.hypot(x - centre[:, 0], y - centre[:, 1])
    dot = np.clip(4 - distance, 0, 1)[..., None]
    return (255 * (1 - dot) + np.array([200, 60, 40]) * dot).astype(np.uint8)


def make_episode(seed: int, steps: int = 8, **changes: object) -> Episode:
    """An episode of random content for `drift_spec`."""
    rng = np.random.default_rng(seed)
    position = rng.normal(size=(steps + 1, 2)).astype(np.float32)
    spec = drift_spec()
    actions = rng.uniform(spec.action_low, spec.action_high, (steps, 2))
    fields = {
        "observations": {"pixels": picture(position), "state": position},
        "actions": actions.astype(np.float32),
        "labels": {"position": position},
        "seed": seed,
        "layout": {"wall": seed / 2},
    }
    return Episode(**{**fields, **changes})
