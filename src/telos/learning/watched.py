"""A watcher and what it was taught by: what is trained, and what can be surprised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from telos.config import from_dict, to_dict
from telos.learning.distributed import ALONE, Team
from telos.learning.objectives import ObjectiveConfig, build_objective
from telos.learning.teacher import teacher_of
from telos.runs import Run
from telos.runtime import seed_all
from telos.world_model.frame_encoder import FrameEncoder
from telos.world_model.watcher import Watcher
from telos.world_model.watcher_config import WatcherConfig

CLIPS_AT_ONCE = 64
"""Clips that a trace encodes together, so that memory stays bounded."""


class Watched(nn.Module):
    """Watcher, objective and teacher.

    Args:
        watcher: Encoder and predictor.
        config: What it minimises.
        steps: Of the training, which the teacher's pace depends on.
        frozen: The encoder that a frozen teacher is; the watcher's own by default.
    """

    def __init__(
        self,
        watcher: Watcher,
        config: ObjectiveConfig,
        *,
        steps: int = 1,
        frozen: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.watcher, self.steps, self._config = watcher, steps, config
        image = watcher.config.seen_shape
        self.objective = build_objective(config, watcher.config.dim, image)
        follows = watcher.encoder if frozen is None else frozen
        self.teacher = teacher_of(self.objective.target, config.teacher, follows, steps)

    @property
    def objective_config(self) -> ObjectiveConfig:
        """What it minimises."""
        return self._config

    @property
    def taught_by(self) -> FrameEncoder | None:
        """The teacher's encoder, if there is a teacher."""
        if self.teacher is None:
            return None
        assert isinstance(self.teacher.module, FrameEncoder)
        return self.teacher.module

    def pixels(self, frames: UInt8[Tensor, "B T h w C"]) -> Tensor | None:
        """Pictures (B * (T - 1), h, w, C) of all frames but the first, from 0 to 1.

        None for objectives that do not look at pictures.
        """
        if self.objective.target != "pixels":
            return None
        return frames[:, 1:].flatten(0, 1).float() / 255

    @torch.no_grad()
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
        teacher's, or of a picture to the pixels. A frame is predicted one step ahead,
        from all frames before it or the newest of them. It changes nothing: statistics
        are those of the training.

        Args:
            clips: Frames as recorded.
            memory: Frames of context that a prediction may look at; frames before them
                have no influence at all. None for as many as the watcher can.
            hidden: Frames that are not looked at: what was imagined stands in their
                place, so that the next visible frame is predicted by a rollout through
                them. The first frame is never hidden.
            actions: That leave every frame but the last, from -1 to 1; for watchers
                that are told actions.

        Returns:
            NaN for the first frame, which nothing predicts.

        Raises:
            ValueError: If clips have another shape or a single frame, or what else is
                given does not suit them.
        """
        self._check(clips, hidden)
        was_training = self.training
        self.eval()
        parts = []
        for first in range(0, len(clips), CLIPS_AT_ONCE):
            rows = slice(first, first + CLIPS_AT_ONCE)
            unseen = None if hidden is None else torch.from_numpy(hidden[rows])
            told = None if actions is None else torch.from_numpy(actions[rows])
            parts.append(self._trace(clips[rows], memory, unseen, told))
        self.train(was_training)
        return np.concatenate(parts)

    def _trace(
        self,
        clips: np.ndarray,
        memory: int | None,
        hidden: Tensor | None,
        actions: Tensor | None,
    ) -> np.ndarray:
        watcher, device = self.watcher, self.watcher.device
        frames = torch.from_numpy(watcher.reduced(clips)).to(device)
        latents = watcher.encode(frames)
        told = None if actions is None else actions.float().to(device)
        if hidden is None:
            predicted = watcher.predict(latents[:, :-1], told, memory)
        else:
            unseen = hidden[:, :-1].to(device)
            predicted = watcher.imagine(latents[:, :-1], unseen, told, memory)
        target = latents if self.teacher is None else self.teacher(frames)
        error = self.objective.surprise(
            predicted.flatten(0, 1), target[:, 1:].flatten(0, 1), self.pixels(frames)
        )
        out = np.full(clips.shape[:2], np.nan, np.float32)
        out[:, 1:] = error.float().view(len(clips), -1).cpu().numpy()
        return out

    def _check(self, clips: np.ndarray, hidden: np.ndarray | None) -> None:
        shape = self.watcher.config.shape
        if clips.ndim != 5 or clips.shape[2:] != shape or clips.dtype != np.uint8:
            raise ValueError(
                f"clips are {clips.dtype} {clips.shape}, expected uint8 (B, T, H, W, "
                f"C) with (H, W, C) = {shape}"
            )
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
        """Plain data; `load_watched` rebuilds from it and the tensors."""
        return {
            "watcher": to_dict(self.watcher.config),
            "objective": to_dict(self._config),
            "steps": self.steps,
        }


def untrained_watched(
    model: WatcherConfig,
    objective: ObjectiveConfig,
    *,
    seed: int = 0,
    steps: int = 1,
) -> Watched:
    """Networks initialised from a seed; `calibrate` gives them statistics.

    Raises:
        ValueError: If the frames do not suit the networks.
    """
    seed_all(seed)
    return Watched(Watcher(model), objective, steps=steps)


@torch.no_grad()
def calibrate(
    encoder: FrameEncoder,
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


def load_watched(tensors: Mapping[str, Tensor], description: Mapping) -> Watched:
    """Undo `Watched.description` and `state_dict`; in evaluation mode.

    Raises:
        ValueError: If it is no watcher, or tensors are missing or of another shape.
    """
    if "watched" not in description:
        raise ValueError(
            "this run holds no watcher; give one that `telos watch` has trained"
        )
    told = description["watched"]
    watched = Watched(
        Watcher(from_dict(WatcherConfig, told["watcher"])),
        from_dict(ObjectiveConfig, told["objective"]),
        steps=told["steps"],
    )
    try:
        watched.load_state_dict(dict(tensors))
    except RuntimeError as mismatch:
        raise ValueError(
            f"the stored watcher does not fit its own configuration: {mismatch}"
        ) from None
    return watched.eval().requires_grad_(False)


def load_watcher(run: Run | str | Path, device: str = "cpu") -> Watched:
    """The watcher of a run folder, ready to be surprised.

    Raises:
        FileNotFoundError: If there is no such run, or its training has not finished.
        ValueError: If it is a run of another kind, or damaged.
    """
    folder = run if isinstance(run, Run) else Run.open(run)
    tensors, description = folder.load_model()
    return load_watched(tensors, description).to(device)
