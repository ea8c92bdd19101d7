"""Baseline: each prediction is told from what came elsewhere in the batch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from telos.learning.losses import infonce, misdirections
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.pairs import Pairs
from telos.learning.objectives.views import Views


class Contrastive(Objective):
    """InfoNCE between predictions and targets; blind to scale.

    Args:
        config: Whose prediction weight, temperature and expander are read; within_clip
            takes negatives from the same clip alone (2606.07770).
        dim: D of latents.
    """

    target = "online"
    dear = True

    def __init__(self, config: ObjectiveConfig, dim: int) -> None:
        super().__init__({"prediction": config.prediction})
        self.temperature, self.within_clip = config.temperature, config.within_clip
        self.pairs = Pairs(config, dim)

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """The cross-entropy of finding one's own target."""
        predicted, target = self.pairs.of(views.predicted, views.target)
        groups = views.clips_of_predictions() if self.within_clip else None
        return {"prediction": infonce(predicted, target, self.temperature, groups)}

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """1 - cosine: what the cross-entropy leaves when there are no negatives."""
        return misdirections(*self.pairs.of(predicted, target))
