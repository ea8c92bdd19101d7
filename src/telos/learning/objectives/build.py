"""From a name to an objective."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from telos.learning.losses import mean_covariance, variance
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.pixels import Pixels
from telos.learning.objectives.regularised import Regularised

Image = tuple[int, int, int]


def build_objective(
    config: ObjectiveConfig, dim: int, image: Image | None = None
) -> Objective:
    """The objective that a configuration describes, with untrained networks.

    Args:
        config: See `objective_config` for the defaults of a kind.
        dim: D of latents.
        image: (H, W, C) of the pictures that predictions are about; objectives that
            predict pictures need it.

    Raises:
        ValueError: If an image is needed and missing.
    """
    if config.kind == "vicreg":
        weights = {"variance": config.variance, "covariance": config.covariance}
        return Regularised(config, dim, vicreg_terms, weights)
    if config.kind == "pixels":
        if image is None:
            raise ValueError("pixels predicts pictures; give their (H, W, C)")
        return Pixels(config, dim, image)
    raise NotImplementedError(config.kind)


def vicreg_terms(z: Tensor, draw: torch.Generator) -> Mapping[str, Tensor]:
    """Spread and decorrelation."""
    return {"variance": variance(z), "covariance": mean_covariance(z)}
