"""Baseline: predict the next picture itself, and be surprised by its pixels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.views import Views
from telos.world_model.decoder import PictureDecoder

STILL = 1e-4
"""Least mean variance that errors are divided by: a hundredth of the range, squared."""


class Pixels(Objective):
    """Squared error of a picture drawn from the predicted latent.

    Divided by the mean variance of pixels, so that the mean picture scores 1 and the
    weight means the same as that of an error between standardised latents.

    Args:
        config: Whose prediction weight, patch and decoder_width are read.
        dim: D of latents.
        image: (H, W, C) of pictures.
    """

    target = "pixels"
    dear = True
    spread: Tensor

    def __init__(
        self, config: ObjectiveConfig, dim: int, image: tuple[int, int, int]
    ) -> None:
        super().__init__({"prediction": config.prediction})
        self.decoder = PictureDecoder(dim, image, config.decoder_width, config.patch)
        self.register_buffer("spread", torch.ones(()))

    def fit(self, frames: Tensor, draw: torch.Generator) -> None:
        """Start from the mean picture, and know how much pixels vary around it."""
        self.decoder.mean.copy_(frames.mean(dim=0))
        variance = (frames - frames.mean(dim=0)).square().mean()
        self.spread.copy_(variance.clamp_min(STILL))

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """The error of pictures drawn from predictions."""
        return {"prediction": self._error(views.predicted, views.pixels).mean()}

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """Mean squared error over a picture, in units of the pixels' variance."""
        return self._error(predicted, pixels)

    def _error(self, predicted: Tensor, pixels: Tensor | None) -> Tensor:
        error = self.decoder(predicted) - required(pixels, self.decoder.shape)
        return error.square().mean(dim=(1, 2, 3)) / self.spread


def required(pixels: Tensor | None, image: tuple[int, int, int]) -> Tensor:
    """The pictures, which have to be there.

    Raises:
        ValueError: If they are missing or of another shape.
    """
    if pixels is None:
        raise ValueError("this objective predicts pictures; give pixels (M, H, W, C)")
    if tuple(pixels.shape[1:]) != tuple(image):
        raise ValueError(
            f"pictures are {tuple(pixels.shape[1:])}; the objective was built for "
            f"(H, W, C) = {tuple(image)}"
        )
    return pixels
