"""A recording seen through a frozen encoder: what the later phases train on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int

from telos.data.recording import Recording
from telos.world_model import JEPA

CHUNK = 2048
"""Frames encoded at once."""
LATENT, GOAL = "latent", "goal"
"""Names of the streams that replace all others: every frame as what the agent is in,
and as what it is asked for."""


def prepare_recording(model: JEPA, recording: Recording) -> Recording:
    """The same episodes with images already reduced to what the network sees."""
    prepared = {name: [] for name in model.config.streams}
    for first in range(0, recording.num_frames, CHUNK):
        chunk = {
            name: torch.from_numpy(recording.observations[name][first : first + CHUNK])
            for name in prepared
        }
        for name, value in model.prepare(chunk).items():
            prepared[name].append(value.numpy())
    observations = {name: np.concatenate(parts) for name, parts in prepared.items()}
    return replace(recording, observations=observations)


@torch.no_grad()
def encode_recording(model: JEPA, prepared: Recording) -> Recording:
    """The episodes of a prepared recording, as latents (N, D) and goal states (N, Z).

    A frame is encoded twice: with the history that the model wants, and as agents are
    given a goal, as a history of itself. With a history of one both are the same.
    """
    model.eval()
    past = _past_rows(prepared, model.history, model.frame_skip)
    latents = goals = _encode(model, prepared, past)
    if model.history > 1:
        goals = _encode(model, prepared, np.repeat(past[:, -1:], model.history, 1))
    streams = {LATENT: latents, GOAL: goals[:, : model.config.state_dim]}
    return replace(prepared, observations=streams)


def swap_contexts(latents: Recording, state_dim: int, seed: int) -> Recording:
    """The same latents, each with the context of another frame of its episode.

    A context leaks a little of what moves. Read-outs, predictor and critic that are
    trained on a frame's own context come to rely on the leak, and imagination, which
    carries the context along unchanged, then seems to move half as far as it does.
    """
    swapped = latents.observations[LATENT].copy()
    rng = np.random.default_rng((seed, 2))
    for start, length in zip(latents.starts, latents.lengths, strict=True):
        rows = start + rng.permutation(length)
        swapped[start : start + length, state_dim:] = latents.observations[LATENT][
            rows, state_dim:
        ]
    return replace(latents, observations={**latents.observations, LATENT: swapped})


def _encode(
    model: JEPA, prepared: Recording, rows: Int[np.ndarray, "N H"]
) -> Float[np.ndarray, "N D"]:
    """Latents of the histories that rows name, newest last."""
    device = model.head.weight.device
    latents = np.empty((len(rows), model.config.latent_dim), np.float32)
    for first in range(0, len(rows), CHUNK):
        chunk = rows[first : first + CHUNK]
        seen = {
            name: torch.from_numpy(array[chunk]).to(device)
            for name, array in prepared.observations.items()
        }
        encoded = model.encode_prepared(seen)[:, -1]
        latents[first : first + CHUNK] = encoded.cpu().numpy()
    return latents


def _past_rows(recording: Recording, history: int, frame_skip: int) -> np.ndarray:
    """(N, history) rows of the frames that are seen together, newest last."""
    rows = np.arange(recording.num_frames)
    first = np.repeat(recording.starts, recording.lengths)
    back = frame_skip * np.arange(history - 1, -1, -1)
    return np.maximum(rows[:, None] - back, first[:, None])
