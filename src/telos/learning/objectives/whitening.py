"""W-MSE between predictions and what came."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from telos.learning.losses import (
    misdirections,
    moments_of,
    whitened_misdirection,
    whitening_matrix,
)
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.pairs import Pairs
from telos.learning.objectives.views import Views

FOLLOW = 0.05
"""Share of a batch in the running mean and covariance."""


class Whitening(Objective):
    """Predictions and targets agree once both were made white.

    Blind to shifts and to the scale of each dimension.

    Args:
        config: Whose prediction weight, sub_batch, floor, expander and within_clip are
            read.
        dim: D of latents.

    Raises:
        ValueError: If sub-batches have fewer than twice as many samples as dimensions.
    """

    target = "online"
    mean: Tensor
    covariance: Tensor

    def __init__(self, config: ObjectiveConfig, dim: int) -> None:
        super().__init__({"prediction": config.prediction})
        self.pairs = Pairs(config, dim)
        self.sub_batch, self.floor = config.sub_batch, config.floor
        if self.sub_batch < 2 * self.pairs.dim:
            raise ValueError(
                f"sub_batch is {self.sub_batch}; whitening {self.pairs.dim} dimensions "
                f"needs at least {2 * self.pairs.dim} samples"
            )
        self.register_buffer("mean", torch.zeros(self.pairs.dim))
        self.register_buffer("covariance", torch.eye(self.pairs.dim))

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """The error of directions after whitening."""
        predicted, target = self.pairs(views)
        if self.training:
            self._follow(target.detach())
        error = whitened_misdirection(
            predicted, target, self.sub_batch, self.floor, draw
        )
        return {"prediction": error}

    @torch.no_grad()
    def _follow(self, target: Tensor) -> None:
        mean, covariance = moments_of(target)
        self.mean.lerp_(mean.to(self.mean), FOLLOW)
        self.covariance.lerp_(covariance.to(self.mean), FOLLOW)

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """1 - cosine after whitening with the statistics of the training."""
        predicted, target = self.pairs.of(predicted, target)
        turn = whitening_matrix(self.covariance, self.floor).T
        return misdirections(
            (predicted - self.mean) @ turn, (target - self.mean) @ turn
        )
