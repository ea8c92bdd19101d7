"""BYOL and SimSiam: predictions point where a target without gradient points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from telos.learning.losses import misdirections
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.views import Views


class Cosine(Objective):
    """``1 - cos`` of predictions and targets; blind to scale.

    Nothing but the missing gradient, and the teacher's slowness, keeps latents apart.
    The world model's predictor is the published predictor.

    Args:
        config: Whose prediction weight is read.
        target: ema for BYOL, stopped for SimSiam.
    """

    def __init__(
        self, config: ObjectiveConfig, target: Literal["ema", "stopped"]
    ) -> None:
        super().__init__({"prediction": config.prediction})
        self.target = target

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """The mean error of directions."""
        error = misdirections(views.predicted, views.target.detach())
        return {"prediction": error.mean()}

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """1 - cosine."""
        return misdirections(predicted, target)
