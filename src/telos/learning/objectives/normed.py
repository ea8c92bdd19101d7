"""Regression on a teacher's latents: I-JEPA, V-JEPA and a frozen teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from telos.learning.losses import normed
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.views import Views


class NormedTargets(Objective):
    """Errors of predictions from a teacher's latents after LayerNorm.

    Args:
        config: Whose prediction weight is read.
        target: ema (I-JEPA, V-JEPA) or frozen (SALT).
        distances: Errors of rows: smooth absolute (I-JEPA) or absolute (the others).
    """

    def __init__(
        self,
        config: ObjectiveConfig,
        target: Literal["ema", "frozen"],
        distances: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        super().__init__({"prediction": config.prediction})
        self.target, self.distances = target, distances

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """The mean error."""
        return {"prediction": self.errors(views.predicted, views.target).mean()}

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """The error over dimensions."""
        return self.distances(predicted, normed(target))
