"""Prediction beside a term that keeps latents from collapsing: vicreg and its kin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from telos.learning.losses import prediction_loss
from telos.learning.losses.residuals import group_residuals
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.expander import expander, seen_through
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.views import Views

Regulariser = Callable[[Tensor, torch.Generator], Mapping[str, Tensor]]
"""Terms of samples (N, D); the generator gives random directions."""


class Regularised(Objective):
    """Mean squared error of predictions, and a regulariser of all latents.

    No teacher and no stop-gradient: targets are trained as well, and the regulariser
    alone keeps them from becoming trivial.

    Args:
        config: Whose prediction weight, expander and within_clip are read.
        dim: D of latents.
        regulariser: What is added.
        weights: Of the regulariser's terms.
    """

    target = "online"

    def __init__(
        self,
        config: ObjectiveConfig,
        dim: int,
        regulariser: Regulariser,
        weights: Mapping[str, float],
    ) -> None:
        super().__init__({"prediction": config.prediction, **weights})
        self.within_clip, self.regulariser = config.within_clip, regulariser
        self.expander = expander(dim, config.expander_width, config.expander_depth)

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """Prediction, and the terms of the regulariser."""
        parts = (views.predicted, views.target, views.latents)
        predicted, target, latents = seen_through(self.expander, parts)
        error = prediction_loss(predicted, target)
        if self.within_clip:
            latents = group_residuals(latents, views.clips)
        return {"prediction": error, **self.regulariser(latents, draw)}

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """Mean squared error over the (expanded) dimensions."""
        predicted, target = seen_through(self.expander, (predicted, target))
        return (predicted - target).square().mean(dim=-1)
