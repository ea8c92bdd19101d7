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
from telos.data.scratch import MEMORY, Room
from telos.learning.config import PathsConfig
from telos.learning.latents import LATENT
from telos.world_model import Chart

CHUNK = 32
"""Pieces whose ways are searched at once."""
PLACED = 2**14
"""States whose places are looked up at once."""
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
    room: Room = MEMORY,
) -> Ways:
    """Search all pieces of a recording.

    Args:
        latents: Episodes as `encode_recording` gives them.
        chart: Says how far apart two states are.
        config: How long pieces are and what counts as close.
        frame_skip: Environment steps per model step.
        seed: Decides the goals from other episodes.
        room: Where the lengths are put.

    Raises:
        ValueError: If no episode has two frames a model step apart.
    """
    frames = _cut(latents, config.piece, frame_skip, seed)
    if not len(frames):
        raise ValueError(
            f"no episode is longer than {frame_skip} steps, so that no way can be "
            "found; record longer episodes"
        )
    places = _places(latents, chart) / frame_skip**0.5
    rng = np.random.default_rng((seed, 5))
    count, own = frames.shape
    goals = np.empty((count, own + FOREIGN), np.int64)
    lengths = room.zeros((count, own, own + FOREIGN), np.float16)
    for first in range(0, len(frames), CHUNK):
        some = slice(first, first + CHUNK)
        rows = frames[some]
        within = _shortest(places[torch.from_numpy(rows)], config.reach)
        others = rng.integers(0, latents.num_frames, (len(rows), CANDIDATES * FOREIGN))
        same = latents.owners(others) == latents.owners(rows[:, :1])
        others = np.where(same, -1, others)
        to_others = _extend(within, places, rows, others, config.foreign_reach)
        kept = np.argsort(~np.isfinite(to_others[:, 0]), axis=1, kind="stable")
        kept = kept[:, :FOREIGN]
        goals[some, :own] = rows
        goals[some, own:] = np.take_along_axis(others, kept, 1)
        lengths[some, :, :own] = within.cpu().numpy()
        lengths[some, :, own:] = np.take_along_axis(to_others, kept[:, None], 2)
    return Ways(frames=frames, goals=goals, lengths=lengths)


def _places(latents: Recording, chart: Chart) -> Float[Tensor, "N A"]:
    """Where every frame lies on the chart."""
    states = latents.observations[LATENT]
    device = chart.linear.weight.device
    found = []
    for first in range(0, len(states), PLACED):
        some = np.array(states[first : first + PLACED, : chart.state_dim])
        found.append(chart(torch.from_numpy(some).to(device)))
    return torch.cat(found)


def _cut(
    latents: Recording, piece: int, skip: int, seed: int
) -> Int[np.ndarray, "P T"]:
    """Rows of pieces of equal length: of all, or of as many as `PIECES`.

    The end of a long episode is covered twice; a short one is filled up with its last
    frame, which is no way from itself.
    """
    frames = (latents.lengths - 1) // skip + 1
    count = min(piece, int(frames.max(initial=0)))
    if count < 2:
        return np.empty((0, 0), np.int64)
    last = np.maximum(frames - count, 0)
    ends = np.cumsum(-(-last // count) + 1)
    pieces = np.arange(ends[-1])
    if len(pieces) > PIECES:
        rng = np.random.default_rng((seed, 7))
        pieces = np.sort(rng.choice(len(pieces), PIECES, replace=False))
    episode = np.searchsorted(ends, pieces, side="right")
    before = np.concatenate([[0], ends])[episode]
    begin = np.minimum((pieces - before) * count, last[episode])
    within = begin[:, None] + np.arange(count)
    within = np.minimum(within, frames[episode, None] - 1)
    return latents.starts[episode, None] + skip * within


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
