"""Shortest ways through what was recorded: the critic's targets, nothing guessed.

The frames of an episode are the nodes of a graph. Frames that follow each other are
joined, and so are frames that lie close together: where the agent came back to a place,
ways meet and can be recombined. How far apart two states are is read
off the chart, in which an action is a displacement.

A recording knows longer ways than the agent could take, and hardly shorter ones (where
a wall is thinner than frames may lie apart): lengths are nearly upper bounds.

Source: Eysenbach et al. 2019, "Search on the replay buffer" (1906.05253), for distances
over recorded states; there every edge comes from a learned value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from telos.data.recording import Recording
from telos.learning.config import PathsConfig
from telos.learning.latents import LATENT
from telos.world_model import Chart

CHUNK = 32
"""Pieces whose ways are searched at once."""
PIECES = 2048
"""Pieces that are searched at most, drawn from all: half a million frames, 400 MB."""
FOREIGN = 32
"""Goals from other episodes, per piece."""
CANDIDATES = 3
"""Frames of other episodes looked at for each one that is taken as a goal."""


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Lengths of the shortest ways within P pieces of T frames each."""

    frames: Int[np.ndarray, "P T"]
    """Rows of the recording: where ways start."""
    goals: Int[np.ndarray, "P G"]
    """Rows of the recording where they end: first the T frames of the piece, then
    frames of other episodes that lie close to one of them."""
    lengths: Float[np.ndarray, "P T G"]
    """Model steps at full speed; infinite where no way was found."""


@torch.no_grad()
def find_ways(
    latents: Recording,
    chart: Chart,
    config: PathsConfig,
    *,
    frame_skip: int = 1,
    seed: int = 0,
) -> Ways:
    """Search all pieces of a recording.

    Args:
        latents: Episodes as `encode_recording` gives them.
        chart: Says how far apart two states are.
        config: How long pieces are and what counts as close.
        frame_skip: Environment steps per model step.
        seed: Decides the goals from other episodes.

    Raises:
        ValueError: If no episode has two frames a model step apart.
    """
    frames = _some(_cut(latents, config.piece, frame_skip), seed)
    if not len(frames):
        raise ValueError(
            f"no episode is longer than {frame_skip} steps, so that no way can be "
            "found; record longer episodes"
        )
    states = torch.from_numpy(latents.observations[LATENT])
    states = states[:, : chart.state_dim].to(chart.linear.weight.device)
    places = chart(states) / frame_skip**0.5
    owner = np.repeat(np.arange(latents.num_episodes), latents.lengths)
    rng = np.random.default_rng((seed, 5))
    goals, lengths = [], []
    for first in range(0, len(frames), CHUNK):
        rows = frames[first : first + CHUNK]
        within = _shortest(places[torch.from_numpy(rows)], config.reach)
        others = rng.integers(0, len(owner), (len(rows), CANDIDATES * FOREIGN))
        others = np.where(owner[others] == owner[rows[:, :1]], -1, others)
        to_others = _extend(within, places, rows, others, config.foreign_reach)
        kept = np.argsort(~np.isfinite(to_others[:, 0]), axis=1, kind="stable")
        kept = kept[:, :FOREIGN]
        goals.append(np.concatenate([rows, np.take_along_axis(others, kept, 1)], 1))
        taken = np.take_along_axis(to_others, kept[:, None], 2)
        both = np.concatenate([within.cpu().numpy(), taken], axis=2)
        lengths.append(both.astype(np.float16))
    return Ways(
        frames=frames,
        goals=np.concatenate(goals),
        lengths=np.concatenate(lengths),
    )


def _cut(latents: Recording, piece: int, skip: int) -> Int[np.ndarray, "P T"]:
    """Rows of pieces of equal length.

    The end of a long episode is covered twice; a short one is filled up with its last
    frame, which is no way from itself.
    """
    frames = (latents.lengths - 1) // skip + 1
    count = min(piece, int(frames.max(initial=0)))
    if count < 2:
        return np.empty((0, 0), np.int64)
    pieces = []
    for start, length in zip(latents.starts, frames, strict=True):
        last = max(0, length - count)
        for begin in sorted({*range(0, last, count), last}):
            within = np.minimum(begin + np.arange(count), length - 1)
            pieces.append(start + skip * within)
    return np.array(pieces)


def _some(frames: Int[np.ndarray, "P T"], seed: int) -> Int[np.ndarray, "Q T"]:
    """All pieces, or as many as memory is given to, in order."""
    if len(frames) <= PIECES:
        return frames
    rng = np.random.default_rng((seed, 7))
    return frames[np.sort(rng.choice(len(frames), PIECES, replace=False))]


def _shortest(places: Float[Tensor, "P T A"], reach: float) -> Float[Tensor, "P T T"]:
    """All shortest ways between frames (Floyd and Warshall)."""
    apart = torch.cdist(places, places)
    ways = apart.masked_fill(apart > reach, torch.inf)
    then = torch.arange(places.shape[1] - 1)
    for one, other in ((then, then + 1), (then + 1, then)):
        ways[:, one, other] = apart[:, one, other]
    for via in range(places.shape[1]):
        through = ways[:, :, via : via + 1] + ways[:, via : via + 1, :]
        torch.minimum(ways, through, out=ways)
    return ways


def _extend(
    within: Float[Tensor, "P T T"],
    places: Float[Tensor, "N A"],
    rows: Int[np.ndarray, "P T"],
    others: Int[np.ndarray, "P M"],
    reach: float,
) -> Float[np.ndarray, "P T M"]:
    """Ways to other frames: to a frame of the piece close by, and on from there."""
    found = np.empty((*rows.shape, others.shape[1]), np.float32)
    goals = places[torch.from_numpy(np.maximum(others, 0))]
    last = torch.cdist(places[torch.from_numpy(rows)], goals)
    none = torch.from_numpy(others < 0).to(last.device).unsqueeze(1)
    last = last.masked_fill((last > reach) | none, torch.inf)
    for index in range(len(rows)):
        # (T, T, 1) + (1, T, M): one piece at a time, for the memory's sake.
        ways = within[index].unsqueeze(-1) + last[index].unsqueeze(0)
        found[index] = ways.amin(1).cpu().numpy()
    return found
