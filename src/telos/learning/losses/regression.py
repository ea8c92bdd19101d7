"""Two ways to regress that are more forgiving than a squared error."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def expectile_loss(error: Float[Tensor, "*b"], expectile: float) -> Float[Tensor, ""]:
    """Squared errors (target minus value), weighted by their sign.

    Below one half the value leans to the lower targets. Source: Newey and Powell 1987,
    "Asymmetric least squares estimation and testing", equation 2.1.
    """
    weight = torch.where(error < 0, 1 - expectile, expectile)
    return (weight * error.square()).mean()


def gaussian_misfit(
    error: Float[Tensor, "*b"], variance: Float[Tensor, "*b"]
) -> Float[Tensor, ""]:
    """Mean negative log-likelihood of errors, without its constant.

    Source: Nix and Weigend 1994, "Estimating the mean and variance of the target
    probability distribution", equation 1.
    """
    return 0.5 * (error.square() / variance + variance.log()).mean()
