"""A recording seen through a frozen encoder: what the later phases train on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.data.frames import Frames, MappedFrames
from telos.data.prefetch import Prefetch
from telos.data.recording import Recording
from telos.data.scratch import MEMORY, Room
from telos.learning.distributed import ALONE, Team
from telos.types import Observation
from telos.world_model import JEPA

CHUNK = 256
"""Frames encoded at once: what a network holds of 2048 is most of a training's memory,
and more than a processor's cache, which costs half of the time."""
LATENT, GOAL = "latent", "goal"
"""Names of the streams that replace all others: every frame as what the agent is in,
and as what it is asked for."""


def prepare_recording(model: JEPA, recording: Recording) -> Recording:
    """The same episodes with images reduced to what the trained layers see.

    Images in memory are reduced now, those in a file whenever they are read, and so are
    all that a costly network has to see.
    """
    observations: dict[str, Frames] = {}
    for name, shape in model.config.streams.items():
        frames = recording.observations[name]
        if len(shape) == 3:
            reduced = MappedFrames(frames, model.reduced)
            now = isinstance(frames, np.ndarray) and not model.reduction.costly
            frames = np.asarray(reduced) if now else reduced
        observations[name] = frames
    return replace(recording, observations=observations)


@torch.no_grad()
def encode_recording(
    model: JEPA, prepared: Recording, team: Team = ALONE, room: Room = MEMORY
) -> Recording:
    """The episodes of a prepared recording, as latents (N, D) and goal states (N, Z).

    A frame is encoded twice: with the history that the model wants, and as agents are
    given a goal, as a history of itself. With a history of one both are the same.
    Frames are read once, in order; each process of a team encodes its share of them.
    Both go into a room.
    """
    model.eval()
    count = prepared.num_frames
    latents = room.zeros((count, model.config.latent_dim), np.float32)
    goals = room.zeros((count, model.config.state_dim), np.float32)
    firsts = range(0, count, CHUNK)[team.rank :: team.size]

    def read(number: int) -> Observation:
        rows = np.arange(firsts[number], min(firsts[number] + CHUNK, count))
        past = _past_rows(prepared, rows, model.history, model.frame_skip)
        return {
            name: torch.from_numpy(frames[past])
            for name, frames in prepared.observations.items()
        }

    with Prefetch(read, end=len(firsts), ahead=1) as chunks:
        for number, first in enumerate(firsts):
            seen = chunks.batch(number)
            rows = slice(first, first + CHUNK)
            latents[rows] = encoded = _newest(model, seen)
            if model.history > 1:
                encoded = _newest(model, _standing_still(seen))
            goals[rows] = encoded[:, : model.config.state_dim]
    for rows in (latents, goals):
        team.combine(rows)
    return replace(prepared, observations={LATENT: latents, GOAL: goals})


def swap_contexts(
    latents: Recording, state_dim: int, seed: int, room: Room = MEMORY
) -> Recording:
    """The same latents, each with the context of another frame of its episode.

    A context leaks a little of what moves. Read-outs, predictor and critic that are
    trained on a frame's own context come to rely on the leak, and imagination, which
    carries the context along unchanged, then seems to move half as far as it does.
    """
    whole = latents.observations[LATENT]
    swapped = room.zeros(tuple(whole.shape), whole.dtype)
    rng = np.random.default_rng((seed, 2))
    for start, length in zip(latents.starts, latents.lengths, strict=True):
        own = whole[start : start + length]
        swapped[start : start + length, :state_dim] = own[:, :state_dim]
        swapped[start : start + length, state_dim:] = own[
            rng.permutation(length), state_dim:
        ]
    return replace(latents, observations={**latents.observations, LATENT: swapped})


def _newest(model: JEPA, seen: Observation) -> Float[np.ndarray, "n D"]:
    """Latents of the newest of the frames (n, history, ...)."""
    device = model.device
    there = {name: frames.to(device) for name, frames in seen.items()}
    return model.encode_prepared(there)[:, -1].cpu().numpy()


def _standing_still(seen: Observation) -> Mapping[str, Tensor]:
    """Histories in which the newest frame was there all along."""
    return {name: x[:, -1:].expand_as(x).contiguous() for name, x in seen.items()}


def _past_rows(
    recording: Recording, rows: np.ndarray, history: int, frame_skip: int
) -> np.ndarray:
    """(n, history) rows of the frames that are seen with each, newest last."""
    first = recording.starts[recording.owners(rows)]
    back = frame_skip * np.arange(history - 1, -1, -1)
    return np.maximum(rows[:, None] - back, first[:, None])
