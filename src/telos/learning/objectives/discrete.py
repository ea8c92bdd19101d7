"""Baseline: generate the next picture patch by patch out of a codebook."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from telos.learning.objectives.codebook import Codebook
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.pixels import required
from telos.learning.objectives.views import Views
from telos.world_model.decoder import PictureDecoder


class Discrete(Objective):
    """Negative log-likelihood of the code of each patch, given the predicted latent.

    A distribution can say "here or there" where a mean picture shows both halfway; it
    is the fairest of the baselines that predict pictures. Patches are independent given
    the latent. The logits are a picture with a channel for each code, drawn by the same
    network that draws pixels; they begin as the logarithm of each place's own shares.

    Args:
        config: Whose prediction weight, codes, patch and decoder_width are read.
        dim: D of latents.
        image: (H, W, C) of pictures.

    Raises:
        ValueError: If patches do not tile a picture.
    """

    target = "pixels"
    dear = True

    def __init__(
        self, config: ObjectiveConfig, dim: int, image: tuple[int, int, int]
    ) -> None:
        super().__init__({"prediction": config.prediction})
        self.image, self.codebook = image, Codebook(config.codes, config.patch, image)
        places = (self.codebook.rows, self.codebook.columns, config.codes)
        self.decoder = PictureDecoder(dim, places, config.decoder_width, patch=1)

    @torch.no_grad()
    def fit(self, frames: Tensor, draw: torch.Generator) -> None:
        """Find the codes, and how often each of them stands at each place."""
        self.codebook.fit(required(frames, self.image), draw)
        counts = torch.zeros_like(self.decoder.mean)
        for part in frames.split(256):
            codes = self.codebook.codes_of(part)
            counts += one_hot(codes, counts.shape[-1]).sum(dim=0)
        # One sighting more of each code, so that none is impossible.
        shares = (counts + 1) / (len(frames) + counts.shape[-1])
        self.decoder.mean.copy_(shares.log())

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """Nats of a patch."""
        return {"prediction": self._nats(views.predicted, views.pixels).mean()}

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """Nats of a picture, divided by its number of patches."""
        return self._nats(predicted, pixels)

    def _nats(
        self, predicted: Float[Tensor, "M D"], pixels: Tensor | None
    ) -> Float[Tensor, "M"]:
        codes = self.codebook.codes_of(required(pixels, self.image))
        logits = self.decoder(predicted).movedim(-1, 1)
        return cross_entropy(logits, codes, reduction="none").mean(dim=(1, 2))
