"""Volume that a batch takes up: log-determinant and coding rate."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from telos.learning.losses.whitening import moments_of


def log_determinant(z: Float[Tensor, "N D"], floor: float = 1e-3) -> Float[Tensor, ""]:
    """``-logdet(Cov + floor I) / D``: mean negative logarithm of variances.

    0 for white samples of unit variance, -log(floor) at most. It falls for ever as
    samples grow: something else has to hold their scale (BatchNorm, an error).

    Source: CorInfoMax, Ozsoy et al. 2022 (2209.07999), equation 8, divided by D.
    """
    _, covariance = moments_of(z)
    return -_logdet(covariance, floor) / z.shape[1]


def coding_rate(z: Float[Tensor, "N D"], distortion: float = 0.5) -> Float[Tensor, ""]:
    """``R = 1/2 logdet(I + D / (N distortion^2) Z^T Z) / D`` of unit vectors.

    Bits, in nats, that tell a direction to within `distortion`, per dimension. To be
    maximised; largest where directions are even: 1/2 log(1 + 1 / distortion^2). Blind
    to scale. Not centred: a common direction lowers it.

    Source: Yu et al. 2020, "MCR^2" (2006.08558), equation 5, divided by D.
    """
    unit = normalize(z, dim=1)
    count, dims = z.shape
    second_moment = unit.T @ unit * (dims / (count * distortion**2))
    return 0.5 * _logdet(second_moment, 1.0) / dims


def _logdet(matrix: Float[Tensor, "D D"], floor: float) -> Float[Tensor, ""]:
    """Of a positive semi-definite matrix and a multiple of the identity."""
    eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    return torch.linalg.slogdet(matrix + floor * eye).logabsdet
