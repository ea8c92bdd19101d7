"""Variance and covariance: the regulariser that needs no negatives.

Source: Bardes, Ponce, LeCun 2022, "VICReg" (2105.04906), equations 1 to 4.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

VARIANCE_EPS = 1e-4
"""Inside the root: keeps the gradient finite at zero variance."""


def variance(z: Float[Tensor, "N D"], target: float = 1.0) -> Float[Tensor, ""]:
    """Hinge on the standard deviation of each dimension, ``mean relu(target - std)``.

    Rows are taken as centred by the caller if they are residuals around group means;
    the batch mean is subtracted here in any case.
    """
    std = (z.var(dim=0) + VARIANCE_EPS).sqrt()
    return torch.relu(target - std).mean()


def covariance(z: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """Sum of squared off-diagonal covariances, divided by D."""
    centred = z - z.mean(dim=0)
    matrix = centred.T @ centred / (len(z) - 1)
    return (matrix.square().sum() - matrix.diagonal().square().sum()) / z.shape[1]


def mean_covariance(z: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """Mean of squared off-diagonal covariances: `covariance` divided by D - 1.

    At most 1 for dimensions of unit variance, whatever D: 1 where all of them repeat
    one. A weight of the sum form is multiplied by D - 1 to mean the same here.
    """
    return covariance(z) / max(1, z.shape[1] - 1)
