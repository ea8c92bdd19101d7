"""Clips of a square that moves, by itself or by actions, and a tiny watcher."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from telos.data.recording import Recording
from telos.data.writer import EpisodeWriter
from telos.envs.world import StreamSpec, WorldSpec
from telos.learning.config import OptimiserConfig
from telos.learning.objectives import ObjectiveConfig, objective_config
from telos.learning.watch_config import WatchConfig, fitted_watch
from telos.perception import BackboneConfig
from telos.perception.masking import mask_preset
from telos.types import Episode
from telos.world_model.masked_watcher import MaskedWatcherConfig
from telos.world_model.watcher_config import CausalConfig, WatcherConfig

SIZE, SIDE, FRAMES = 16, 5, 10
NOTHING = objective_config("vicreg", variance=0.0, covariance=0.0)
"""Prediction alone: what collapses."""


def square_spec(action_dim: int = 0) -> WorldSpec:
    return WorldSpec(
        id="square",
        action_low=np.full(action_dim, -1.0, np.float32),
        action_high=np.full(action_dim, 1.0, np.float32),
        streams={"pixels": StreamSpec(shape=(SIZE, SIZE, 3), dtype="uint8")},
        labels={},
        max_steps=FRAMES,
    )


def picture(place: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """A square at a place in [0, 1]^2, drawn to a share of a pixel."""
    corner, grid = place * (SIZE - SIDE), np.arange(SIZE)
    rows, columns = (
        np.clip(np.minimum(grid - at + 1, at + SIDE - grid), 0, 1) for at in corner
    )
    return (rows[:, None, None] * columns[None, :, None] * colour).astype(np.uint8)


def square_episode(seed: int, action_dim: int = 0, frames: int = FRAMES) -> Episode:
    """It moves evenly and bounces; with actions (2), by what they say and no other."""
    rng = np.random.default_rng(seed)
    place, colour = rng.uniform(0, 1, 2), rng.integers(80, 256, 3)
    actions = rng.uniform(-1, 1, (frames - 1, action_dim)).astype(np.float32)
    moves = rng.uniform(-0.15, 0.15, 2) * np.ones((frames - 1, 2))
    if action_dim:
        moves = 0.4 * actions
    places = np.concatenate([place[None], place + moves.cumsum(0)])
    folded = 1 - np.abs(places % 2 - 1)
    pixels = np.stack([picture(at, colour) for at in folded])
    return Episode(observations={"pixels": pixels}, actions=actions, seed=seed)


def squares(count: int = 60, action_dim: int = 0, first: int = 0) -> Recording:
    episodes = [square_episode(first + seed, action_dim) for seed in range(count)]
    return Recording.from_episodes(episodes, square_spec(action_dim))


def square_clips(count: int, first: int = 10_000) -> np.ndarray:
    """(count, FRAMES, SIZE, SIZE, 3)."""
    return np.stack(
        [square_episode(first + n).observations["pixels"] for n in range(count)]
    )


def write_squares(path: Path, count: int = 30, action_dim: int = 0) -> Path:
    with EpisodeWriter(path, square_spec(action_dim)) as writer:
        for seed in range(count):
            writer.append(square_episode(seed, action_dim))
    return path


def tiny_watcher(**changes: object) -> WatcherConfig:
    fields = {
        "shape": (SIZE, SIZE, 3),
        "dim": 16,
        "backbone": BackboneConfig(
            kind="patch-conv", channels=8, width=32, downsample=1
        ),
        "predictor": CausalConfig(width=32, depth=2),
    }
    return WatcherConfig(**{**fields, **changes})


def tiny_masked(kind: str = "tubes", **changes: object) -> MaskedWatcherConfig:
    """Patches of half a side or less, two frames long; a single frame has smaller."""
    fields = {
        "masks": mask_preset(kind),
        "shape": (SIZE, SIZE, 3),
        "frames": FRAMES,
        "patch": 4,
        "tubelet": 2,
        "dim": 16,
        "width": 32,
        "depth": 2,
        "predictor_width": 24,
    }
    if changes.get("frames") == 1:
        fields |= {"patch": 2, "tubelet": 1}
    return MaskedWatcherConfig(**{**fields, **changes})


def tiny_watch(
    steps: int = 6,
    objective: ObjectiveConfig | str = "vicreg",
    *,
    model: WatcherConfig | MaskedWatcherConfig | None = None,
    memory: int | None = None,
    **changes: object,
) -> WatchConfig:
    """A training of so many steps on squares."""
    if isinstance(objective, str):
        objective = objective_config(objective)
    config = WatchConfig(
        data="squares.h5",
        model=model or tiny_watcher(),
        objective=objective,
        steps=steps,
        clips=16,
        length=FRAMES,
        held_out=0.2,
        optimiser=OptimiserConfig(learning_rate=6e-3, weight_decay=1e-4),
    )
    return fitted_watch(replace(config, **changes), memory=memory)
