"""Predictions and targets as the two views of a sample."""

from __future__ import annotations

from torch import Tensor, nn

from telos.learning.losses import group_residuals
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.expander import expander, seen_through
from telos.learning.objectives.views import Views


class Pairs(nn.Module):
    """What objectives that compare two views of a batch look at.

    Args:
        config: Whose expander and within_clip are read.
        dim: D of latents.
    """

    def __init__(self, config: ObjectiveConfig, dim: int) -> None:
        super().__init__()
        self.within_clip = config.within_clip
        self.dim = config.expander_width or dim
        self.expander = expander(dim, config.expander_width, config.expander_depth)

    def forward(self, views: Views) -> tuple[Tensor, Tensor]:
        """(M, E) predictions and targets, or their residuals within clips."""
        predicted, target = self.of(views.predicted, views.target)
        if self.within_clip:
            clips = views.clips_of_predictions()
            predicted = group_residuals(predicted, clips)
            target = group_residuals(target, clips)
        return predicted, target

    def of(self, predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The same of single pairs, as they are."""
        predicted, target = seen_through(self.expander, (predicted, target))
        return predicted, target
