"""A watcher and what it was taught by: what is trained, and what can be surprised."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from telos.config import to_dict
from telos.learning.distributed import ALONE, Team
from telos.learning.objectives import ObjectiveConfig, build_objective
from telos.learning.sight import Sight
from telos.learning.teacher import teacher_of
from telos.types import Window
from telos.world_model.frame_encoder import Standardised
from telos.world_model.masked_watcher import MaskedWatcher
from telos.world_model.watcher import Watcher

CLIPS_AT_ONCE = 64
"""Clips that a trace encodes together, so that memory stays bounded."""


class Watched(nn.Module, ABC):
    """Watcher, objective and teacher.

    Args:
        watcher: Encoder and predictor.
        config: What it minimises.
        steps: Of the training, which the teacher's pace depends on.
    """

    def __init__(
        self,
        watcher: Watcher | MaskedWatcher,
        config: ObjectiveConfig,
        *,
        steps: int = 1,
    ) -> None:
        super().__init__()
        self.watcher, self.steps, self.taught = watcher, steps, config
        self.objective = build_objective(config, watcher.config.dim, watcher.picture)
        self.teacher = teacher_of(
            self.objective.target, config.teacher, watcher.encoder, steps
        )

    @property
    def taught_by(self) -> Standardised | None:
        """The teacher's encoder, if there is a teacher."""
        if self.teacher is None:
            return None
        assert isinstance(self.teacher.module, Standardised)
        return self.teacher.module

    @abstractmethod
    def look(self, window: Window, key: tuple[int, int], team: Team = ALONE) -> Sight:
        """A batch, encoded and predicted.

        Args:
            window: This process's part of it, frames as the trained layers see them.
            key: Decides what is drawn at random, the same in all processes.
            team: The processes that share the batch.
        """

    @abstractmethod
    def errors(
        self,
        frames: UInt8[Tensor, "B T h w C"],
        memory: int | None,
        hidden: Bool[Tensor, "B T"] | None,
        actions: Float[Tensor, "B T1 A"] | None,
    ) -> Float[Tensor, "B T"]:
        """Surprise of each frame, see `trace`."""

    @contextmanager
    def judging(self) -> Iterator[None]:
        """No gradients, and the statistics of the training; left as it was found."""
        was_training = self.training
        if was_training:  # setting it visits every module: the time of a frame
            self.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            if was_training:
                self.train()

    def trace(
        self,
        clips: UInt8[np.ndarray, "B T H W C"],
        memory: int | None = None,
        *,
        hidden: Bool[np.ndarray, "B T"] | None = None,
        actions: Float[np.ndarray, "B T1 A"] | None = None,
    ) -> Float[np.ndarray, "B T"]:
        """Surprise of each frame: how far off its prediction was.

        In the objective's own space: the distance to the latent that came, to a
        teacher's, or of a picture to the pixels. A frame is predicted from each of the
        frames before it that see as far ahead, and its surprise is the mean. It changes
        nothing: statistics are those of the training.

        Args:
            clips: Frames as recorded.
            memory: Frames before the one that is predicted which may have an influence
                on its surprise; frames before them have none at all. None for as many
                as the watcher can.
            hidden: Frames that are not looked at: what was imagined stands in their
                place, so that the next visible frame is predicted by a rollout through
                them. The first frame is never hidden.
            actions: That leave every frame but the last, from -1 to 1; for watchers
                that are told actions.

        Returns:
            NaN where nothing predicts: for the first frame at least.

        Raises:
            ValueError: If clips have another shape or a single frame, or what else is
                given does not suit them.
        """
        self._check(clips, hidden)
        parts, device = [], self.watcher.device
        for first in range(0, len(clips), CLIPS_AT_ONCE):
            rows = slice(first, first + CLIPS_AT_ONCE)
            unseen = None if hidden is None else torch.from_numpy(hidden[rows])
            told = None if actions is None else torch.from_numpy(actions[rows])
            with self.judging():
                found = self.errors(
                    self.seen(clips[rows]),
                    memory,
                    None if unseen is None else unseen.to(device),
                    None if told is None else told.float().to(device),
                )
            parts.append(found.float().cpu().numpy())
        return np.concatenate(parts)

    def seen(self, clips: UInt8[np.ndarray, "B T H W C"]) -> Tensor:
        """Recorded frames as the trained layers see them, (B, T, h, w, C)."""
        return torch.from_numpy(self.watcher.reduced(clips)).to(self.watcher.device)

    def check_frames(self, clips: np.ndarray) -> None:
        """Refuse frames that are not like those of the training.

        Raises:
            ValueError: If they are not.
        """
        shape = self.watcher.config.shape
        if clips.ndim != 5 or clips.shape[2:] != shape or clips.dtype != np.uint8:
            raise ValueError(
                f"clips are {clips.dtype} {clips.shape}, expected uint8 (B, T, H, W, "
                f"C) with (H, W, C) = {shape}"
            )

    def _check(self, clips: np.ndarray, hidden: np.ndarray | None) -> None:
        self.check_frames(clips)
        if len(clips) == 0 or clips.shape[1] < 2:
            raise ValueError(
                f"{len(clips)} clips of {clips.shape[1]} frames; there has to be a "
                "clip, and its second frame is the first that can surprise"
            )
        if hidden is not None and hidden.shape != clips.shape[:2]:
            raise ValueError(
                f"hidden is {hidden.shape}, expected {clips.shape[:2]}: a word for "
                "each frame"
            )

    def description(self) -> dict[str, Any]:
        """Plain data; with the tensors it is all that `load_watched` needs."""
        return {
            "watcher": to_dict(self.watcher.config),
            "objective": to_dict(self.taught),
            "steps": self.steps,
        }


@torch.no_grad()
def calibrate(
    encoder: Standardised,
    batches: Iterable[UInt8[Tensor, "B T h w C"]],
    team: Team = ALONE,
) -> None:
    """Take the statistics that latents are standardised by from some frames.

    Those that a training leaves are a moving average over weights that were still
    changing, and an untrained network has none: its latents would be a thousandth.

    Args:
        encoder: Whose statistics are replaced.
        batches: Frames as the trained layers see them.
        team: The processes that share them.

    Raises:
        ValueError: If there are none.
    """
    found = [team.gather(encoder.features(frames)).flatten(0, 1) for frames in batches]
    if not found:
        raise ValueError("no frames to take statistics from; give at least one batch")
    encoder.standardise_by(torch.cat(found))
