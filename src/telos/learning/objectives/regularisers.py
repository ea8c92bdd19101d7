"""Terms against collapse that look at one batch of latents, by objective."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from telos.learning.losses import (
    coding_rate,
    log_determinant,
    mean_covariance,
    off_centre,
    off_scale,
    off_shape,
    sigreg,
    variance,
)
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.regularised import Regulariser

Terms = Mapping[str, Tensor]


def regulariser_of(
    config: ObjectiveConfig,
) -> tuple[Regulariser, Mapping[str, float]] | None:
    """The regulariser of an objective and its weights; None if it has none."""
    weight = config.regulariser
    made: dict[str, tuple[Regulariser, Mapping[str, float]]] = {
        "vicreg": (
            _spread_and_copies,
            {"variance": config.variance, "covariance": config.covariance},
        ),
        "logdet": (
            lambda z, draw: {"logdet": log_determinant(z, config.floor)},
            {"logdet": weight},
        ),
        "coding-rate": (
            lambda z, draw: {"coding_rate": -coding_rate(z, config.distortion)},
            {"coding_rate": weight},
        ),
        "sigreg": (
            lambda z, draw: {"sigreg": sigreg(z, config.slices, draw) / len(z)},
            {"sigreg": weight},
        ),
        "visreg": (
            lambda z, draw: _centre_scale_shape(z, config.slices, draw),
            {"centre": config.mean, "scale": config.variance, "shape": weight},
        ),
    }
    return made.get(config.kind)


def _spread_and_copies(z: Tensor, draw: torch.Generator) -> Terms:
    return {"variance": variance(z), "covariance": mean_covariance(z)}


def _centre_scale_shape(z: Tensor, slices: int, draw: torch.Generator) -> Terms:
    shape = off_shape(z, slices, draw)
    return {"centre": off_centre(z), "scale": off_scale(z), "shape": shape}
