"""Baseline: hidden patches are guessed pixel by pixel, as masked autoencoders do."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from telos.learning.losses import patch_errors
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.pixels import required
from telos.learning.objectives.views import Views


class MaskedPixels(Objective):
    """Squared error of standardised pixels of a patch, read off a token by a line.

    Args:
        config: Whose prediction weight is read.
        dim: D of a token.
        image: (H, W, C) of a patch: `Views.pixels` holds the patches that predictions
            are about.
    """

    target = "pixels"

    def __init__(
        self, config: ObjectiveConfig, dim: int, image: tuple[int, int, int]
    ) -> None:
        super().__init__({"prediction": config.prediction})
        self.image, self.read = image, nn.Linear(dim, math.prod(image))

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """The mean error."""
        return {"prediction": self._errors(views.predicted, views.pixels).mean()}

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """Mean squared error of each patch."""
        return self._errors(predicted, pixels)

    def _errors(self, predicted: Tensor, pixels: Tensor | None) -> Tensor:
        seen = required(pixels, self.image).flatten(1)
        return patch_errors(self.read(predicted), seen)
