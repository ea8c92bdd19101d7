"""Tiny worlds whose dynamics are known in closed form, recorded in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from telos.data.recording import Recording
from telos.data.writer import EpisodeWriter
from telos.envs.world import StreamSpec, WorldSpec
from telos.learning.config import (
    ChartConfig,
    CriticConfig,
    DynamicsConfig,
    HabitConfig,
    RepresentationConfig,
    TrainConfig,
)
from telos.learning.latents import encode_recording, prepare_recording
from telos.learning.modules import build_modules
from telos.learning.outcome import fit_readouts, save_trained
from telos.perception import BackboneConfig
from telos.runs import Run
from telos.types import Episode
from telos.world_model import JEPAConfig, PredictorConfig

KEEP, STEP = 0.8, 0.6
"""A position becomes KEEP times itself and STEP times the action: it forgets where it
was within an episode, as an agent in a closed room does."""
MIXING = np.linalg.qr(np.random.default_rng(7).normal(size=(4, 4)))[0]
"""What is observed is a rotation of position and layout."""


def walk_spec(**changes: object) -> WorldSpec:
    fields = {
        "id": "walk",
        "action_low": np.full(2, -1.0, np.float32),
        "action_high": np.full(2, 1.0, np.float32),
        "streams": {"state": StreamSpec(shape=(4,), dtype="float32")},
        "labels": {},
        "max_steps": 20,
    }
    return WorldSpec(**{**fields, **changes})


def walk_episode(seed: int, steps: int = 30) -> Episode:
    """A walk beside a layout that stays: (2,) each, seen through MIXING."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (steps, 2)).astype(np.float32)
    layout, position = rng.normal(size=2), np.empty((steps + 1, 2))
    position[0] = 0.6 * rng.normal(size=2)
    for step, action in enumerate(actions):
        position[step + 1] = KEEP * position[step] + STEP * action
    whole = np.concatenate([position, np.tile(layout, (steps + 1, 1))], 1)
    return Episode(
        observations={"state": (whole @ MIXING).astype(np.float32)},
        actions=actions,
        seed=seed,
    )


def walks(episodes: int = 60, steps: int = 30) -> Recording:
    return Recording.from_episodes(
        [walk_episode(seed, steps) for seed in range(episodes)], walk_spec()
    )


def write_walks(path: Path, episodes: int = 24) -> Path:
    with EpisodeWriter(path, walk_spec()) as writer:
        for seed in range(episodes):
            writer.append(walk_episode(seed))
    return path


def dots(count: int, size: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(N, size, size, 3) images of a soft dot, and its (N, 2) place in [-1, 1]."""
    places = np.random.default_rng(seed).uniform(-0.8, 0.8, (count, 2))
    return dot_images(places, size), places.astype(np.float32)


def dot_images(places: np.ndarray, size: int) -> np.ndarray:
    """(N, size, size, 3) images of a soft dot at places (N, 2) in [-1, 1]."""
    centres = (places + 1) / 2 * (size - 1)
    grid = np.arange(size)
    x = np.exp(-0.5 * (grid - centres[:, :1]) ** 2)
    y = np.exp(-0.5 * (grid - centres[:, 1:]) ** 2)
    image = 255 * (y[:, :, None] * x[:, None, :])[..., None]
    return np.repeat(image, 3, -1).astype(np.uint8)


def write_moving_dots(path: Path, episodes: int = 12, steps: int = 10) -> Path:
    """Episodes of 32 x 32 images of a dot that actions move, place as a label."""
    spec = walk_spec(
        id="moving-dot",
        streams={"pixels": StreamSpec(shape=(32, 32, 3), dtype="uint8")},
        labels={"place": StreamSpec(shape=(2,), dtype="float32", unit="half")},
    )
    with EpisodeWriter(path, spec) as writer:
        for seed in range(episodes):
            rng = np.random.default_rng(seed)
            actions = rng.uniform(-1, 1, (steps, 2)).astype(np.float32)
            moves = np.concatenate([np.zeros((1, 2)), 0.2 * actions])
            places = rng.uniform(-0.5, 0.5, 2) + moves.cumsum(0)
            pixels = dot_images(places, 32)
            labels = {"place": places.astype(np.float32)}
            writer.append(
                Episode(
                    observations={"pixels": pixels},
                    actions=actions,
                    labels=labels,
                    seed=seed,
                )
            )
    return path


def from_latents(
    paths: Sequence[np.ndarray],
    actions: Sequence[np.ndarray] | None = None,
    goals: Sequence[np.ndarray] | None = None,
) -> Recording:
    """Episodes of given latents (T+1, D).

    Without actions (T, 1) they are zero; without goals (T+1, Z) they are the latents'
    first two dimensions.
    """
    if goals is None:
        goals = [path[:, :2] for path in paths]
    if actions is None:
        actions = [np.zeros((len(path) - 1, 1)) for path in paths]
    episodes = [
        Episode(
            observations={
                "latent": path.astype(np.float32),
                "goal": goal.astype(np.float32),
            },
            actions=taken.astype(np.float32),
        )
        for path, taken, goal in zip(paths, actions, goals, strict=True)
    ]
    spec = walk_spec(
        action_low=np.full(1, -1.0, np.float32),
        action_high=np.full(1, 1.0, np.float32),
        streams={
            "latent": StreamSpec(shape=paths[0].shape[1:], dtype="float32"),
            "goal": StreamSpec(shape=goals[0].shape[1:], dtype="float32"),
        },
    )
    return Recording.from_episodes(episodes, spec)


def labelled(recording: Recording) -> Recording:
    """The walks with their position as a label of 10 px per unit."""
    spec = walk_spec(
        labels={"position": StreamSpec(shape=(2,), dtype="float32", unit="px")}
    )
    truth = recording.observations["state"] @ MIXING.T
    position = (10 * truth[:, :2]).astype(np.float32)
    return replace(recording, labels={"position": position}, spec=spec)


def write_run(path: Path, config: TrainConfig, recording: Recording) -> Path:
    """A run whose networks are stored as they were initialised, with read-outs."""
    run, modules = Run.create(path, config), build_modules(config, recording)
    modules.eval()
    latents = encode_recording(
        modules.model, prepare_recording(modules.model, recording)
    )
    count = recording.num_episodes
    held_out = latents.select(range(3 * count // 4, count))
    readouts = fit_readouts(latents.select(range(3 * count // 4)), held_out, 0)
    save_trained(run, config, modules, readouts, latents)
    return path


def tiny_model(**changes: object) -> JEPAConfig:
    fields = {
        "streams": {"state": (4,)},
        "action_dim": 2,
        "state_dim": 2,
        "context_dim": 2,
        "predictor": PredictorConfig(width=32, depth=1),
    }
    return JEPAConfig(**{**fields, **changes})


def tiny_config(steps: int = 6, **changes: object) -> TrainConfig:
    fields = {
        "data": "walks.h5",
        "model": tiny_model(),
        "representation": RepresentationConfig(steps=steps, episodes=16, windows=2),
        "dynamics": DynamicsConfig(steps=steps, batch=32, length=4),
        "chart": ChartConfig(steps=steps, batch=8, width=16),
        "critic": CriticConfig(form="paths", steps=steps, batch=32, width=16),
        "habit": HabitConfig(steps=steps, batch=32, width=16, choices=2),
        "held_out": 0.2,
        "checkpoint_every": 4,
    }
    return TrainConfig(**{**fields, **changes})


def seen_walks(episodes: int = 12, steps: int = 30, side: int = 16) -> Recording:
    """The walks as pictures of a soft dot on grey; where it is, is a label."""
    recording = walks(episodes, steps)
    truth = (recording.observations["state"] @ MIXING.T)[:, :2]
    centres = np.clip((truth + 2) / 4, 0.1, 0.9) * (side - 1)
    grid = np.arange(side)
    x = np.exp(-0.5 * (grid - centres[:, :1]) ** 2)
    y = np.exp(-0.5 * (grid - centres[:, 1:]) ** 2)
    image = 40 + 200 * (y[:, :, None] * x[:, None, :])[..., None]
    pixels = np.repeat(image, 3, -1).astype(np.uint8)
    spec = walk_spec(
        streams={"pixels": StreamSpec(shape=(side, side, 3), dtype="uint8")},
        labels={"position": StreamSpec(shape=(2,), dtype="float32", unit="px")},
    )
    return replace(
        recording,
        observations={"pixels": pixels},
        labels={"position": truth.astype(np.float32)},
        spec=spec,
    )


def seeing(**changes: object) -> TrainConfig:
    """The tiny training of a model that sees pictures of 16 x 16."""
    backbone = BackboneConfig(channels=4, width=16, downsample=1)
    model = tiny_model(streams={"pixels": (16, 16, 3)}, backbone=backbone)
    return tiny_config(**{"model": model, **changes})
