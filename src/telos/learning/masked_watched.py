"""Predicting what is hidden of a clip from what is seen of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from telos.learning.distributed import ALONE, Team
from telos.learning.objectives import ObjectiveConfig
from telos.learning.sight import Sight
from telos.learning.taught import Watched
from telos.perception.clip_tokens import chosen
from telos.perception.masking import sample_masks
from telos.types import Window
from telos.world_model.masked_watcher import MaskedWatcher


class MaskedWatched(Watched):
    """A watcher of hidden patches.

    Args:
        watcher: Encoder and predictor.
        config: What it minimises.
        steps: Of the training, which the teacher's pace depends on.

    Raises:
        ValueError: If the objective predicts whole pictures.
    """

    watcher: MaskedWatcher

    def __init__(
        self, watcher: MaskedWatcher, config: ObjectiveConfig, *, steps: int = 1
    ) -> None:
        if config.kind in ("pixels", "discrete"):
            raise ValueError(
                f"{config.kind} draws whole frames, and this watcher predicts hidden "
                "patches; choose masked-pixels"
            )
        super().__init__(watcher, config, steps=steps)

    def look(self, window: Window, key: tuple[int, int], team: Team = ALONE) -> Sight:
        """A batch, encoded and predicted, under masks drawn anew.

        Who knows nothing of a clip predicts the mean of all targets.
        """
        watcher, device = self.watcher, self.watcher.device
        own = window.observations[watcher.config.stream].to(device)
        context, targets = self._masks(team.size * len(own), key)
        part = team.part(len(context), "clips")
        latents, seen, features = self._encoded(own, context[part], team)
        predicted = watcher.predict(seen, context, targets).flatten(1, 2)
        asked, pixels = targets.flatten(1), None
        if self.objective.target == "pixels":
            patches = watcher.encoder.clip.cut(team.gather(own)).float() / 255
            pixels = chosen(patches.flatten(2), asked).flatten(0, 1)
            pixels = pixels.unflatten(1, watcher.picture)
            target = predicted.detach()
        else:
            target = chosen(self._target(own, latents, team), asked)
        flat = target.flatten(0, 1)
        rows = torch.arange(len(context), device=device)
        return Sight(
            features=features,
            latents=latents,
            predicted=predicted.flatten(0, 1),
            target=flat,
            still=flat.detach().mean(dim=0).expand_as(flat),
            clips=rows.repeat_interleave(asked.shape[1]),
            pixels=pixels,
        )

    def errors(
        self,
        frames: Tensor,
        memory: int | None,
        hidden: Tensor | None,
        actions: Tensor | None,
    ) -> Tensor:
        """Surprise of each frame: the mean over its patches, hidden all at once.

        A patch that lasts several frames surprises in all of them. What is seen of a
        target, too, begins with the memory and ends with the frame.

        Raises:
            ValueError: If frames are hidden or actions given, or the memory is less
                than a patch lasts.
        """
        if hidden is not None or actions is not None:
            raise ValueError(
                "a watcher of hidden patches is told no actions and rolls nothing out; "
                "leave out hidden and actions"
            )
        watcher, lasts = self.watcher, self.watcher.config.tubelet
        most = watcher.grid.frames - 1
        reach = most if memory is None else min(memory // lasts, most)
        if reach < 1:
            raise ValueError(
                f"memory is {memory} frame(s), expected at least the {lasts} that a "
                "patch lasts, and clips of more than one patch in time"
            )
        out = frames.new_full(frames.shape[:2], torch.nan, dtype=torch.float32)
        for t in range(1, frames.shape[1] // lasts):
            first = max(0, t - reach)
            clip = frames[:, first * lasts : (t + 1) * lasts]
            out[:, t * lasts : (t + 1) * lasts] = self._newest(clip, t - first)
        return out

    def _newest(self, clip: Tensor, before: int) -> Tensor:
        """(B, 1) surprise of what comes after so many frames of patches."""
        watcher, places = self.watcher, self.watcher.grid.places
        indices = torch.arange((before + 1) * places, device=clip.device)
        context, asked = indices.expand(len(clip), -1).split(
            [before * places, places], dim=1
        )
        encoder = watcher.encoder
        seen = encoder.standardised(encoder.features(clip, context))
        predicted = watcher.predict(seen, context, asked[:, None]).flatten(0, 2)
        pixels = None
        if self.objective.target == "pixels":
            patches = encoder.clip.cut(clip)[:, -places:].float() / 255
            pixels, target = patches.flatten(0, 1), predicted
        else:
            source = encoder if self.taught_by is None else self.taught_by
            target = source(clip)[:, -places:].flatten(0, 1)
        error = self.objective.surprise(predicted, target, pixels)
        return error.view(len(clip), places).mean(dim=1, keepdim=True)

    def _masks(self, count: int, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        masks = sample_masks(
            self.watcher.config.masks,
            self.watcher.grid,
            count,
            np.random.default_rng((*key, 4)),
        )
        device = self.watcher.device
        return (
            torch.from_numpy(masks.context).to(device),
            torch.from_numpy(masks.targets).to(device),
        )

    def _encoded(
        self, own: Tensor, keep: Tensor, team: Team
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Latents that are judged (B, N, D), those that are seen, and features.

        Where targets are the encoder's own, whole clips are encoded as well, and both
        are standardised together.
        """
        encoder = self.watcher.encoder
        seen = team.gather(encoder.features(own, keep))
        if self.objective.target not in ("online", "stopped"):
            latents = encoder.standardised(seen)
            return latents, latents, seen.detach()
        whole = team.gather(encoder.features(own))
        both = encoder.standardised(torch.cat([seen, whole], dim=1))
        context, latents = both.split([seen.shape[1], whole.shape[1]], dim=1)
        return latents, context, whole.detach()

    def _target(self, own: Tensor, latents: Tensor, team: Team) -> Tensor:
        if self.taught_by is not None:
            with torch.no_grad():
                features = team.gather(self.taught_by.features(own))
                return self.taught_by.standardised(features)
        return latents if self.objective.target == "online" else latents.detach()
