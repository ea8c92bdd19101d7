"""Predicting the next frame of a clip from those before it.

z_1 .. z_T     latents of a clip's frames, each encoded for itself
p_{t+1}        predicted from z_1 .. z_t (and a_1 .. a_t, where there are actions)
objective      says what p is compared with, and what keeps z from collapsing
"""

from __future__ import annotations

import torch
from torch import Tensor

from telos.learning.distributed import ALONE, Team
from telos.learning.objectives import ObjectiveConfig
from telos.learning.sight import Sight
from telos.learning.taught import Watched
from telos.types import Window
from telos.world_model.watcher import Watcher


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
        """A batch, encoded and predicted; nothing is drawn at random.

        If nothing changed, the next target would be the one before it. An objective
        that looks at pictures has drawn one of the frame before: that one is taken.
        """
        watcher = self.watcher
        own = window.observations[watcher.config.stream].to(watcher.device)
        features = team.gather(watcher.encoder.features(own))
        latents = watcher.encoder.standardised(features)
        actions = None
        if watcher.config.action_dim:
            actions = team.gather(window.actions.to(watcher.device))
        predicted = watcher.predict(latents[:, :-1], actions)
        target, still = self._target(own, latents, team), None
        if self.objective.target == "pixels":
            still = torch.cat([predicted[:, :1], predicted[:, :-1]], dim=1)
        rows = torch.arange(len(latents), device=latents.device)
        return Sight(
            features=features.detach(),
            latents=latents,
            predicted=predicted.flatten(0, 1),
            target=target[:, 1:].flatten(0, 1),
            still=(target[:, :-1] if still is None else still).flatten(0, 1),
            clips=rows.repeat_interleave(predicted.shape[1]),
            pixels=self._pictures(team.gather(own)),
        )

    def errors(
        self,
        frames: Tensor,
        memory: int | None,
        hidden: Tensor | None,
        actions: Tensor | None,
    ) -> Tensor:
        """Surprise of each frame, see `Watched.trace`."""
        watcher = self.watcher
        latents = watcher.encode(frames)
        if hidden is None:
            predicted = watcher.predict(latents[:, :-1], actions, memory)
        else:
            predicted = watcher.imagine(
                latents[:, :-1], hidden[:, :-1], actions, memory
            )
        target = latents if self.taught_by is None else self.taught_by(frames)
        error = self.objective.surprise(
            predicted.flatten(0, 1),
            target[:, 1:].flatten(0, 1),
            self._pictures(frames),
        )
        out = latents.new_full(latents.shape[:2], torch.nan)
        out[:, 1:] = error.view(len(latents), -1)
        return out

    def _target(self, own: Tensor, latents: Tensor, team: Team) -> Tensor:
        if self.taught_by is not None:
            with torch.no_grad():
                features = team.gather(self.taught_by.features(own))
                return self.taught_by.standardised(features)
        return latents if self.objective.target == "online" else latents.detach()

    def _pictures(self, frames: Tensor) -> Tensor | None:
        """Of all frames but the first, for objectives that look at pictures."""
        if self.objective.target != "pixels":
            return None
        return frames[:, 1:].flatten(0, 1).float() / 255
