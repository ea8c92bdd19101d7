"""Maximum manifold capacity: a prediction and what came are views of one sample."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from telos.learning.losses import centroid_spread, misdirections, view_spread
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.pairs import Pairs
from telos.learning.objectives.views import Views


class ManifoldCapacity(Objective):
    """Means of prediction and target fill the sphere. Blind to scale.

    Args:
        config: Whose weights, expander and within_clip are read.
        dim: D of latents.
    """

    target = "online"
    dear = True

    def __init__(self, config: ObjectiveConfig, dim: int) -> None:
        super().__init__({"capacity": config.prediction, "spread": config.regulariser})
        self.pairs = Pairs(config, dim)

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """Capacity, negative because it is to grow; the spread of views if weighted."""
        both = torch.stack(self.pairs(views), dim=1)
        found = {"capacity": -centroid_spread(both)}
        if self.weights["spread"]:
            found["spread"] = view_spread(both)
        return found

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """1 - cosine."""
        return misdirections(*self.pairs.of(predicted, target))
