"""Cuts of fixed length from episodes: what the world model is trained on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from telos.data.actions import ActionScale
from telos.data.recording import Recording
from telos.types import Window


class WindowSampler:
    """Draw batches of windows; a batch is a pure function of (seed, step).

    With equal weights every valid start position of the recording is equally likely.
    With ``windows_per_episode`` above 1, consecutive windows of a batch come from one
    episode, so that quantities that are constant in an episode cannot tell them apart.

    Args:
        recording: Episodes, in memory or in their file.
        length: Transitions T of a window; it has T+1 frames.
        batch: Windows B.
        frame_skip: Environment steps k per transition; the k actions of a transition
            are concatenated, so that actions are (B, T, k*A).
        windows_per_episode: Consecutive windows that share an episode.
        weights: (E,) relative weight of the start positions of each episode.
        seed: Decides every batch.
        part: Windows of each batch that are cut, of the B that are drawn; all by
            default. The parts of a batch together are the batch.

    Raises:
        ValueError: If no episode is long enough, a number is below 1, the batch is not
            divisible, or the weights are unusable. Some short episodes only warn.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        length: int,
        batch: int,
        frame_skip: int = 1,
        windows_per_episode: int = 1,
        weights: Sequence[float] | np.ndarray | None = None,
        seed: int = 0,
        part: slice = slice(None),
    ) -> None:
        _check_sizes(length, batch, frame_skip, windows_per_episode)
        self.length, self.frame_skip, self.seed = length, frame_skip, seed
        self._part = part
        self.num_groups, self.windows_per_episode = (
            batch // windows_per_episode,
            windows_per_episode,
        )
        self._recording = recording
        self._scale = ActionScale.of_spec(recording.spec)
        self._positions = np.maximum(recording.lengths - length * frame_skip, 0)
        self._refuse_short()
        self._cumulative = np.cumsum(self._positions * self._weights(weights))

    @property
    def num_positions(self) -> int:
        """Valid start positions in the recording."""
        return int(self._positions.sum())

    def batch(self, step: int) -> Window:
        """The batch of a training step; observations keep their stored dtype."""
        drawn = self._draw(np.random.default_rng((self.seed, step)))
        episodes, starts = (array[self._part] for array in drawn)
        k = self.frame_skip
        frames = starts[:, None] + k * np.arange(self.length + 1)
        rows = starts[:, None] + np.arange(k * self.length)
        taken = np.clip(self._scale.to_unit(self._recording.actions[rows]), -1, 1)
        # Not -1: a recording of what just happens has actions of no numbers.
        actions = taken.reshape(len(starts), self.length, k * taken.shape[-1])
        return Window(
            observations={
                name: torch.from_numpy(array[frames])
                for name, array in self._recording.observations.items()
            },
            actions=torch.from_numpy(actions),
            episodes=torch.from_numpy(episodes),
        )

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(B,) episode and first frame of each window."""
        # An episode is drawn in proportion to its start positions, then a position in
        # it evenly: together even over all positions.
        drawn = rng.uniform(0, self._cumulative[-1], self.num_groups)
        chosen = np.searchsorted(self._cumulative, drawn, side="right")
        chosen = np.minimum(chosen, len(self._cumulative) - 1)
        episodes = np.repeat(chosen, self.windows_per_episode)
        offsets = rng.integers(0, self._positions[episodes])
        return episodes, self._recording.starts[episodes] + offsets

    def _refuse_short(self) -> None:
        short, total = int((self._positions == 0).sum()), len(self._positions)
        needed = self.length * self.frame_skip + 1
        remedy = "shorten the window or the frame skip, or record longer episodes"
        if total == 0:
            raise ValueError("the recording is empty; record episodes first")
        if short == total:
            raise ValueError(
                f"all {total} episodes are shorter than the {needed} frames of a "
                f"window, the longest has {self._recording.lengths.max()}; {remedy}"
            )
        if short:
            warnings.warn(
                f"{short} of {total} episodes are shorter than the {needed} frames of "
                f"a window and are left out; {remedy}",
                stacklevel=3,
            )

    def _weights(self, weights: Sequence[float] | np.ndarray | None) -> np.ndarray:
        total = len(self._positions)
        array = np.ones(total) if weights is None else np.asarray(weights, float)
        if array.shape != (total,):
            raise ValueError(f"weights have shape {array.shape}, expected ({total},)")
        if not np.isfinite(array).all() or (array < 0).any():
            raise ValueError("weights must be finite and not negative")
        if (array * self._positions).sum() == 0:
            raise ValueError("weights are zero for every episode that is long enough")
        return array


def _check_sizes(
    length: int, batch: int, frame_skip: int, windows_per_episode: int
) -> None:
    sizes = {
        "length": length,
        "batch": batch,
        "frame_skip": frame_skip,
        "windows_per_episode": windows_per_episode,
    }
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    if batch % windows_per_episode:
        raise ValueError(
            f"a batch of {batch} is not divisible by {windows_per_episode} windows per "
            f"episode; use a multiple"
        )
