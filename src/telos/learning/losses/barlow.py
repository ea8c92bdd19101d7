"""Barlow Twins: two views agree in each dimension, and dimensions are no copies.

Source: Zbontar et al. 2021, "Barlow Twins" (2103.03230), equations 1 and 2.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def cross_correlation(
    first: Float[Tensor, "N D"], second: Float[Tensor, "N D"]
) -> Float[Tensor, "D D"]:
    """``R = first^T second / N``, of dimensions that are already standardised.

    With biased variances, as BatchNorm has them, entries lie in [-1, 1].
    """
    return first.T @ second / len(first)


def disagreement(correlation: Float[Tensor, "D D"]) -> Float[Tensor, ""]:
    """``mean_i (1 - R_ii)^2``: the views say the same in each dimension."""
    return (1 - correlation.diagonal()).square().mean()


def redundancy(correlation: Float[Tensor, "D D"]) -> Float[Tensor, ""]:
    """``mean_{i != j} R_ij^2``: no dimension tells what another one tells."""
    dims = len(correlation)
    others = correlation.square().sum() - correlation.diagonal().square().sum()
    return others / max(1, dims * (dims - 1))
