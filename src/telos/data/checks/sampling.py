"""Which rows of an episode file are read: few enough for a minute, and stated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from telos.data.recording import spread


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How much is read at most; smaller files are read whole."""

    table_bytes: int = 128 * 2**20
    """Actions, labels and other small rows that are held in memory."""
    clips: int = 64
    """Clips of consecutive frames that are looked at."""
    clip_frames: int = 96
    """Frames of a clip."""
    image_bytes: int = 512 * 2**20
    """Decoded frames that are looked at, all image streams together."""
    pairs: int = 200
    """Pairs of episodes that are compared frame by frame."""
    seed: int = 0
    """Decides where the clips lie."""

    def __post_init__(self) -> None:
        for name in ("table_bytes", "clips", "clip_frames", "image_bytes", "pairs"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, expected at least 1"
                )


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where C clips lie."""

    episodes: np.ndarray
    """(C,) number of the episode, ascending."""
    firsts: np.ndarray
    """(C,) first frame within the episode."""
    lengths: np.ndarray
    """(C,) frames."""

    def ranges(self, starts: np.ndarray) -> list[tuple[int, int]]:
        """(first, end) rows of the file for each clip.

        Args:
            starts: (E,) first frame of each episode of the file.
        """
        begin = starts[self.episodes] + self.firsts
        ends = begin + self.lengths
        return list(zip(begin.tolist(), ends.tolist(), strict=True))


SHORTEST_CLIP = 24
"""Frames that a clip keeps however large they are: the checks need a past."""


def whole_episodes(lengths: np.ndarray, row_bytes: int, sampling: Sampling) -> Places:
    """Evenly spaced whole episodes, as many as the memory for tables holds.

    Args:
        lengths: (E,) frames of each episode.
        row_bytes: Bytes of a row.
        sampling: The limits.
    """
    rows = max(sampling.table_bytes // max(row_bytes, 1), 1)
    most = max(int(rows // max(lengths.mean(), 1)), 1)
    chosen = spread(len(lengths), most)
    # The last one kept may be far longer than the rest: cut, as everything is bounded.
    kept = np.minimum(lengths[chosen], rows)
    return Places(episodes=chosen, firsts=np.zeros_like(kept), lengths=kept)


def short_clips(
    lengths: np.ndarray, sampling: Sampling, frame_bytes: int = 0
) -> Places:
    """Clips in evenly spaced episodes that do not overlap.

    Every second episode gives its end, so that frozen tails are seen; long episodes
    give several clips where there are few episodes.

    Args:
        lengths: (E,) frames of each episode.
        sampling: The limits.
        frame_bytes: Bytes of a frame, all image streams together; 0 for no limit.
    """
    frames, count = sampling.clip_frames, sampling.clips
    if frame_bytes:
        budget = max(sampling.image_bytes // frame_bytes, 2 * SHORTEST_CLIP)
        frames = int(np.clip(budget // count, min(SHORTEST_CLIP, frames), frames))
        count = max(min(count, budget // frames), 2)
    rng = np.random.default_rng(sampling.seed)
    chosen = spread(len(lengths), count)
    clips: list[tuple[int, int, int]] = []
    for number, (episode, turns) in enumerate(
        zip(chosen, _turns(lengths[chosen], count, frames), strict=True)
    ):
        length = int(lengths[episode])
        slots = np.linspace(0, length, turns + 1).astype(np.int64)
        for turn, (begin, end) in enumerate(pairwise(slots)):
            kept = min(int(end - begin), frames)
            latest = int(end) - kept
            last = turn == turns - 1 and (turns > 1 or number % 2 == 1)
            first = latest if last else int(rng.integers(begin, latest + 1))
            clips.append((int(episode), first, kept))
    episodes, firsts, kept_frames = np.array(clips, np.int64).T
    return Places(episodes=episodes, firsts=firsts, lengths=kept_frames)


def _turns(lengths: np.ndarray, count: int, frames: int) -> np.ndarray:
    """(C,) clips that each chosen episode gives: one, and more where there is room."""
    turns = np.ones(len(lengths), np.int64)
    room = np.maximum(lengths // frames, 1)
    while turns.sum() < count and (turns < room).any():
        free = np.flatnonzero(turns < room)[: int(count - turns.sum())]
        turns[free] += 1
    return turns
