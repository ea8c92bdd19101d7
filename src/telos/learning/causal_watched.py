"""Predicting the next frames of a clip from those before them.

z_1 .. z_T     latents of a clip's frames, each encoded for itself
p_{t+k}        predicted from z_1 .. z_t; with actions, k = 1 from a_1 .. a_t too
objective      says what p is compared with, and what keeps z from collapsing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from telos.learning.distributed import ALONE, Team
from telos.learning.objectives import ObjectiveConfig
from telos.learning.sight import Sight
from telos.learning.taught import Watched
from telos.types import Window
from telos.world_model.watcher import Watcher

AT_ONCE = 2048
"""Frames of different clips that are encoded together, about, so that memory stays
bounded."""


@dataclass(frozen=True, kw_only=True)
class Glances:
    """All that is kept of frames that were looked at, each for itself."""

    latents: Float[Tensor, "B T D"]
    target: Float[Tensor, "B T D"]
    """What predictions of them are compared with."""
    pixels: Float[Tensor, "B T h w C"] | None

    def part(self, frames: slice) -> Glances:
        """Those of some frames."""
        return Glances(
            latents=self.latents[:, frames],
            target=self.target[:, frames],
            pixels=None if self.pixels is None else self.pixels[:, frames],
        )

    def followed_by(self, later: Glances) -> Glances:
        """These frames and those after them."""
        return _joined((self, later), dim=1)


class CausalWatched(Watched):
    """A watcher of next frames.

    Args:
        watcher: Encoder and causal predictor.
        config: What it minimises.
        steps: Of the training, which the teacher's pace depends on.

    Raises:
        ValueError: If the objective guesses hidden patches.
    """

    watcher: Watcher

    def __init__(
        self, watcher: Watcher, config: ObjectiveConfig, *, steps: int = 1
    ) -> None:
        if config.kind == "masked-pixels":
            raise ValueError(
                "masked-pixels guesses patches that are hidden, and this watcher "
                "predicts whole frames; choose pixels, or masks"
            )
        super().__init__(watcher, config, steps=steps)

    def look(self, window: Window, key: tuple[int, int], team: Team = ALONE) -> Sight:
        """A batch, encoded and predicted, all frames ahead that a clip still has.

        Where predictions are dear (`Objective.dear`), how far ahead is drawn for every
        frame: what they cost is then what they cost one frame ahead.

        If nothing changed, targets would be those of the frame that predictions are
        made from. An objective that looks at pictures has drawn one of it.
        """
        watcher = self.watcher
        own = window.observations[watcher.config.stream].to(watcher.device)
        features = team.gather(watcher.encoder.features(own))
        latents = watcher.encoder.standardised(features)
        actions = None
        if watcher.config.action_dim:
            actions = team.gather(window.actions.to(watcher.device))
        every = watcher.foresee(latents[:, :-1], actions)
        target, still = self._target(own, latents, team), None
        if self.objective.target == "pixels":
            still = torch.cat([every[:, :1, 0], every[:, :-1, 0]], dim=1)
        clip, frame, ahead = (
            _drawn(every.shape, key, latents.device)
            if self.objective.dear
            else _all(every.shape, latents.device)
        )
        pictures = self._pictures(team.gather(own))
        return Sight(
            features=features.detach(),
            latents=latents,
            predicted=every[clip, frame, ahead],
            target=target[clip, frame + 1 + ahead],
            still=(target if still is None else still)[clip, frame],
            clips=clip,
            pixels=None if pictures is None else pictures[clip, frame + 1 + ahead],
        )

    def errors(
        self,
        frames: Tensor,
        memory: int | None,
        hidden: Tensor | None,
        actions: Tensor | None,
    ) -> Tensor:
        """Surprise of each frame, see `Watched.trace`."""
        found = self._glances(frames)
        latents, target, pictures = found.latents, found.target, found.pixels
        if hidden is None:
            foreseen = self._foreseen(latents, actions, memory)
        else:
            seen = latents[:, :-1], hidden[:, :-1]
            foreseen = [self.watcher.imagine(*seen, actions, memory)]
        total = latents.new_zeros(latents.shape[:2])
        count = latents.new_zeros(latents.shape[1])
        for ahead, predicted in enumerate(foreseen, 1):
            error = self.objective.surprise(
                predicted.flatten(0, 1),
                target[:, ahead:].flatten(0, 1),
                None if pictures is None else pictures[:, ahead:].flatten(0, 1),
            )
            total[:, ahead:] += error.view(len(latents), -1)
            count[ahead:] += 1
        return total / count  # NaN where nothing predicts

    def glance(self, clips: UInt8[np.ndarray, "B T H W C"]) -> Glances:
        """What is kept of frames; with `newest`, each frame is looked at once.

        Raises:
            ValueError: If clips have another shape.
        """
        self.check_frames(clips)
        with self.judging():
            parts = [
                self._glances(self.seen(some))
                for some in np.array_split(
                    clips, -(-clips[..., 0, 0, 0].size // AT_ONCE)
                )
            ]
        return _joined(parts, dim=0)

    def newest(
        self, glances: Glances, memory: int | None = None
    ) -> Float[np.ndarray, " B"]:
        """Surprise of the last frame of each clip, as `trace` would end."""
        with self.judging():
            foreseen = self._foreseen(glances.latents, None, memory)
            last = torch.stack([predicted[:, -1] for predicted in foreseen])
            target, pictures = glances.target[:, -1], glances.pixels
            if pictures is not None:
                shown = pictures[:, -1]
                pictures = shown.expand(len(last), *shown.shape).flatten(0, 1)
            error = self.objective.surprise(
                last.flatten(0, 1), target.expand(last.shape).flatten(0, 1), pictures
            )
        return error.view(len(last), -1).mean(dim=0).float().cpu().numpy()

    def _glances(self, frames: Tensor) -> Glances:
        latents = self.watcher.encode(frames)
        return Glances(
            latents=latents,
            target=latents if self.taught_by is None else self.taught_by(frames),
            pixels=self._pictures(frames),
        )

    def _foreseen(
        self, latents: Tensor, actions: Tensor | None, memory: int | None
    ) -> list[Tensor]:
        """Predictions of frames 1, 2, ... ahead, (B, T - 1, D), (B, T - 2, D), ...

        A prediction further ahead looks at so many frames less: a memory says how far
        back from the frame that is predicted anything has an influence.
        """
        watcher, length = self.watcher, latents.shape[1]
        most = min(watcher.config.predictor.ahead, length - 1)
        if memory is None:
            every = watcher.foresee(latents[:, :-1], actions)
            return [every[:, : length - k, k - 1] for k in range(1, most + 1)]
        if memory < 1:
            raise ValueError(f"memory is {memory} frames, expected at least 1")
        return [
            watcher.foresee(latents[:, :-1], actions, memory + 1 - k)[
                :, : length - k, k - 1
            ]
            for k in range(1, min(most, memory) + 1)
        ]

    def _target(self, own: Tensor, latents: Tensor, team: Team) -> Tensor:
        if self.taught_by is not None:
            with torch.no_grad():
                features = team.gather(self.taught_by.features(own))
                return self.taught_by.standardised(features)
        return latents if self.objective.target == "online" else latents.detach()

    def _pictures(self, frames: Tensor) -> Tensor | None:
        """(B, T, h, w, C) from 0 to 1, for objectives that look at pictures."""
        return frames.float() / 255 if self.objective.target == "pixels" else None


def _joined(parts: Sequence[Glances], dim: int) -> Glances:
    """Glances of more clips (0), or of more frames of the same (1)."""
    shown = [part.pixels for part in parts if part.pixels is not None]
    return Glances(
        latents=torch.cat([part.latents for part in parts], dim),
        target=torch.cat([part.target for part in parts], dim),
        pixels=torch.cat(shown, dim) if shown else None,
    )


def _all(shape: torch.Size, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Clip, frame and how far ahead, of all predictions that the clip can answer.

    Args:
        shape: (B, T, K, D) of all predictions; the last of them ends with the clip.
        device: Where they are wanted.
    """
    batch, length, most, _ = shape
    steps = torch.arange(length, device=device)[:, None]
    answered = steps + torch.arange(most, device=device) < length
    clip, frame, ahead = answered.expand(batch, -1, -1).nonzero(as_tuple=True)
    return clip, frame, ahead


def _drawn(
    shape: torch.Size, key: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Clip, frame and how far ahead, of one prediction of each frame (B * T each).

    Args:
        shape: (B, T, K, D) of all predictions; the last of them ends with the clip.
        key: Decides them.
        device: Where they are wanted.
    """
    batch, length, most, _ = shape
    draw = torch.Generator().manual_seed(hash(key) % 2**63)
    left = torch.arange(length, 0, -1).clamp_max(most)
    ahead = (torch.rand(batch, length, generator=draw) * left).long()
    clip = torch.arange(batch).repeat_interleave(length)
    frame = torch.arange(length).repeat(batch)
    found = clip, frame, ahead.flatten()
    return found[0].to(device), found[1].to(device), found[2].to(device)
