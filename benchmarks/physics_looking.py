"""What `physics.py` looks with, and at: controls, and quadruplets drawn once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telos.data.recording import spread
from telos.data.store import EpisodeFile
from telos.envs.scenes import Quadruplets, quadruplets
from telos.envs.scenes.tracker import track
from telos.evaluation.surprise import (
    Watching,
    choose_memory,
    exactness,
    score_quadruplets,
    trace_sets,
)
from telos.evaluation.surprise.controls import (
    CopyLast,
    FrameDifference,
    GeometryScore,
    LimitedMemory,
    LinearExtrapolation,
    MahalanobisNovelty,
    NeighbourNovelty,
    OtherContext,
    RandomFeatures,
    ShuffledContext,
    block_pixels,
)
from telos.learning.taught import Watched, calibrate
from telos.learning.watched import untrained_watched
from telos.world_model.watcher import Watcher

SHIPPED = (
    "tracker",
    "memory-2",
    "other-context",
    "shuffled-context",
    "frame-difference",
    "copy-last",
    "linear-extrapolation",
    "mahalanobis-pixels",
    "neighbours-pixels",
    "mahalanobis-random",
    "mahalanobis-encoder",
    "geometry-pixels",
    "geometry-random",
    "geometry-encoder",
)
"""Every control but the untrained network; the tracker is the ceiling."""
VALIDATION = 24
"""Quadruplets per concept that the memory is chosen on."""
MEMORIES = (None, 16, 8, 4)
USUAL = 200
"""Possible clips that novelty and geometry are fitted on."""


@lru_cache(maxsize=2)
def drawn(concept: str, rung: str, count: int, split: str) -> Quadruplets:
    """Quadruplets, refused where they are not exact."""
    found = quadruplets(concept, rung, count, split=split)
    exactness(found.clips, found.event).require("splice", "frames", "pairs")
    return found


class Tracker:
    """The ceiling: reads the true states, whatever the clips show."""


def score(
    watching: Watching | Tracker,
    where: tuple[str, str, str, int],
    count: int,
    memory: int | None,
) -> dict[str, Any]:
    """Scores of one model on one rung and concept, as plain numbers."""
    _, rung, concept, _ = where
    test = drawn(concept, rung, count, "test")
    clips, visible = test.clips, test.visible
    if isinstance(watching, Tracker):
        trace = track(test.states)
    elif isinstance(watching, ShuffledContext | OtherContext):
        clips, visible = clips[: -(-count // 4)], visible[: -(-count // 4)]
        trace = trace_sets(watching, clips, memory)
    else:
        trace = trace_sets(watching, clips, memory)
    return {"memory": memory, **asdict(score_quadruplets(trace, visible))}


def trained_memory(
    watched: Watched, rung: str, concepts: Sequence[str], count: int
) -> dict[str, Any]:
    """The memory that is best on validation clips of all concepts together."""
    few = min(VALIDATION, count)
    choice = choose_memory(
        watched,
        MEMORIES,
        validation={c: drawn(c, rung, few, "validation").clips for c in concepts},
        test={c: drawn(c, rung, count, "test").clips for c in concepts},
    )
    return {"memory": choice.memory, "accuracy": dict(choice.accuracy)}


def untrained(watched: Watched, data: Path, seed: int) -> Watched:
    """The same networks as they begin, with statistics of the frames that are shown."""
    blank = untrained_watched(watched.watcher.config, watched.taught, seed=1000 + seed)
    frames = torch.from_numpy(blank.watcher.reduced(usual(data)[:64]))
    calibrate(blank.watcher.encoder, [frames])
    return blank.eval().requires_grad_(False)


@lru_cache(maxsize=2)
def usual(data: Path) -> np.ndarray:
    """(N, T, H, W, 3) possible clips of a corpus."""
    file = EpisodeFile(data)
    recording = file.load(spread(file.num_episodes, USUAL), streams=["pixels"])
    clips = [recording.episode(i) for i in range(recording.num_episodes)]
    return np.stack([np.asarray(clip.observations["pixels"]) for clip in clips])


def control(name: str, watched: Watched, data: Path, seed: int) -> Watching | Tracker:
    """A control by its name."""
    if name == "tracker":
        return Tracker()
    if name == "memory-2":
        return LimitedMemory(watched, 2)
    if name == "other-context":
        return OtherContext(watched, usual(data)[seed])
    if name == "shuffled-context":
        return ShuffledContext(watched, seed)
    simple = {
        "frame-difference": FrameDifference,
        "copy-last": CopyLast,
        "linear-extrapolation": LinearExtrapolation,
    }
    if name in simple:
        return simple[name]()
    kind, _, seen = name.partition("-")
    features = {
        "pixels": block_pixels,
        "random": RandomFeatures(seed),
        "encoder": lambda frames: encoded(watched, frames),
    }[seen]
    kinds = {
        "mahalanobis": MahalanobisNovelty,
        "neighbours": NeighbourNovelty,
        "geometry": GeometryScore,
    }
    return kinds[kind](features, usual(data))


@torch.no_grad()
def encoded(watched: Watched, frames: np.ndarray) -> np.ndarray:
    """(N, D) latents of single frames: the encoder without its predictor."""
    assert isinstance(watched.watcher, Watcher)
    parts = []
    for start in range(0, len(frames), 1024):
        reduced = watched.watcher.reduced(frames[start : start + 1024, None])
        parts.append(watched.watcher.encode(torch.from_numpy(reduced))[:, 0].numpy())
    return np.concatenate(parts)
