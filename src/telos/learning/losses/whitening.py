"""W-MSE: views agree after each batch of them was made white.

Source: Ermolov et al. 2021, "Whitening for Self-Supervised Representation Learning"
(2007.06346), equations 4 to 6 and section 3.1 (sub-batches).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from telos.learning.losses.cosine import misdirection


def moments_of(z: Float[Tensor, "N D"]) -> tuple[Tensor, Tensor]:
    """(D,) mean and (D, D) unbiased covariance."""
    mean = z.mean(dim=0)
    centred = z - mean
    return mean, centred.T @ centred / (len(z) - 1)


def whitening_matrix(
    covariance: Float[Tensor, "D D"], floor: float = 0.0
) -> Float[Tensor, "D D"]:
    """``W = L^-1`` with ``L L^T = (1 - floor) Cov + floor I``, by Cholesky.

    Raises:
        ValueError: If the matrix is not positive definite, as where a batch lies in
            fewer dimensions than it has, or has fewer samples than dimensions.
    """
    eye = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    lower, failed = torch.linalg.cholesky_ex((1 - floor) * covariance + floor * eye)
    # Rounding lets a singular matrix through now and then, with a pivot of next to 0.
    pivots = lower.diagonal()
    least = pivots.min() / pivots.max()
    if bool(failed) or not bool(least > torch.finfo(covariance.dtype).eps):
        raise ValueError(
            f"a covariance of {len(covariance)} dimensions cannot be whitened: samples "
            "lie in fewer dimensions, or are fewer than dimensions. Give sub-batches "
            "of at least twice the dimension, or mix in some of the identity "
            "(floor 1e-3)"
        )
    return torch.linalg.solve_triangular(lower, eye, upper=False)


def whitened(z: Float[Tensor, "N D"], floor: float = 0.0) -> Float[Tensor, "N D"]:
    """Samples turned so that their covariance is the identity.

    Raises:
        ValueError: See `whitening_matrix`.
    """
    mean, covariance = moments_of(z)
    return (z - mean) @ whitening_matrix(covariance, floor).T


def whitened_misdirection(
    first: Float[Tensor, "N D"],
    second: Float[Tensor, "N D"],
    sub_batch: int,
    floor: float,
    draw: torch.Generator,
) -> Float[Tensor, ""]:
    """``mean 1 - cos(W first, W' second)``, W and W' of random sub-batches.

    Half of the published ``2 - 2 cos``. Sub-batches are as even as they can be, at
    least `sub_batch` large, or the whole batch where that is smaller.

    Args:
        first: One view.
        second: The other one, whitened by itself.
        sub_batch: Samples that are whitened together at least.
        floor: Share of the identity in the covariance.
        draw: Who is whitened with whom.

    Raises:
        ValueError: See `whitening_matrix`.
    """
    order = torch.randperm(len(first), generator=draw).to(first.device)
    groups = order.tensor_split(max(1, len(first) // sub_batch))
    parts = []
    for own in groups:
        turned = whitened(first[own], floor), whitened(second[own], floor)
        parts.append(len(own) * misdirection(*turned))
    return torch.stack(parts).sum() / len(first)
