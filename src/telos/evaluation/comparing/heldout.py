"""Clips of episodes that no watcher has seen, with their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from telos.data.splits import split_by_episode
from telos.data.store import EpisodeFile
from telos.envs.world import StreamSpec
from telos.evaluation.probes import ClipFeatures
from telos.learning.taught import CLIPS_AT_ONCE, Watched
from telos.learning.watch_config import WatchConfig
from telos.world_model.masked_watcher import MaskedWatcher


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """E clips as a training would cut them."""

    pixels: UInt8[np.ndarray, "E T H W C"]
    episodes: Int[np.ndarray, " E"]
    labels: Mapping[str, tuple[Float[Tensor, "E T q"], str]]
    """Values and unit by name."""


def held_out_cuts(
    file: EpisodeFile, config: WatchConfig, count: int, seed: int
) -> Cuts:
    """Different cuts of the held-out episodes, all that there are or so many at random.

    Raises:
        ValueError: If no held-out episode is long enough.
    """
    _, kept = split_by_episode(file.num_episodes, config.held_out, seed=config.seed)
    reach = (config.length - 1) * config.frame_skip
    places = np.maximum(file.lengths[kept] - reach, 0)
    if not places.sum():
        raise ValueError(
            f"no held-out episode of {file.path.name} has the {reach + 1} frames that "
            "a clip spans; lower the length or the frame skip"
        )
    owners = np.repeat(kept, places)
    offsets = np.concatenate([np.arange(n) for n in places])
    rng = np.random.default_rng((seed, config.seed, 5))
    some = np.sort(rng.permutation(len(owners))[:count])
    first = file.starts[owners[some]] + offsets[some]
    rows = first[:, None] + config.frame_skip * np.arange(config.length)
    recording = file.stream(streams=[config.model.stream])
    wanted = {n: s for n, s in file.spec.labels.items() if _is_quantity(s)}
    return Cuts(
        pixels=np.asarray(recording.observations[config.model.stream][rows]),
        episodes=owners[some],
        labels={
            name: (_numbers(recording.labels[name][rows], rows.shape), spec.unit)
            for name, spec in wanted.items()
        },
    )


@torch.no_grad()
def features_of(watched: Watched, cuts: Cuts) -> ClipFeatures:
    """Frozen features: (E, T, 1, D) of frames, or (E, t, L, D) of patches."""
    watched.eval()
    watcher, parts = watched.watcher, []
    for first in range(0, len(cuts.pixels), CLIPS_AT_ONCE):
        clips = watcher.reduced(cuts.pixels[first : first + CLIPS_AT_ONCE])
        frames = torch.from_numpy(clips).to(watcher.device)
        parts.append(watcher.encoder(frames).float().cpu())
    tokens = torch.cat(parts)
    moments = tokens.shape[1]
    if isinstance(watcher, MaskedWatcher):
        moments = watcher.grid.frames
    return ClipFeatures(
        tokens=tokens.unflatten(1, (moments, -1)),
        episodes=torch.from_numpy(cuts.episodes),
    )


def labels_of(cuts: Cuts, moments: int) -> dict[str, tuple[Tensor, str]]:
    """Labels at so many moments: a patch that lasts several frames ends with one."""
    lasts = cuts.pixels.shape[1] // moments
    return {
        name: (values[:, lasts - 1 :: lasts], unit)
        for name, (values, unit) in cuts.labels.items()
    }


def _is_quantity(spec: StreamSpec) -> bool:
    return len(spec.shape) <= 1 and np.dtype(spec.dtype).kind in "fiub"


def _numbers(values: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32).reshape(*shape, -1))
