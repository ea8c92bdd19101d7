"""Barlow Twins between predictions and what came."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from telos.learning.losses import cross_correlation, disagreement, redundancy
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.pairs import Pairs
from telos.learning.objectives.views import Views


class BarlowTwins(Objective):
    """The cross-correlation of predictions and targets shall be the identity.

    Correlations are blind to the scale of each dimension.

    Args:
        config: Whose weights, expander and within_clip are read.
        dim: D of latents.
    """

    target = "online"

    def __init__(self, config: ObjectiveConfig, dim: int) -> None:
        weights = {"disagreement": config.prediction, "redundancy": config.regulariser}
        super().__init__(weights)
        self.pairs = Pairs(config, dim)
        self.standardise = nn.BatchNorm1d(self.pairs.dim, affine=False)

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """Both parts of the published loss, as means over entries."""
        predicted, target = (self.standardise(part) for part in self.pairs(views))
        correlation = cross_correlation(predicted, target)
        return {
            "disagreement": disagreement(correlation),
            "redundancy": redundancy(correlation),
        }

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """Mean squared error in standard deviations of each dimension."""
        predicted, target = self.pairs.of(predicted, target)
        error = self.standardise(predicted) - self.standardise(target)
        return error.square().mean(dim=-1)
