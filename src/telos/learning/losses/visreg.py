"""VISReg: centre, scale and shape of a standard normal, each by a term of its own.

Written from Wu et al. 2026, "VISReg" (2606.02572), equations 1 to 6. The scale term
keeps pulling where latents have collapsed, which a test of normality does not; the
shape term looks at standardised latents, so that it leaves the scale alone.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

SPREAD_EPS = 1e-4
"""Added to the standard deviation that the shape is divided by."""


def off_centre(z: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """``mean_d (mean of z_d)^2``."""
    return z.mean(dim=0).square().mean()


def off_scale(z: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """``mean_d (1 - std_d)^2``, biased; its gradient does not vanish at collapse.

    Where all samples are equal to the last bit there is no direction to spread in, and
    the gradient is zero.
    """
    variance = z.var(dim=0, correction=0)
    # The root of a zero variance has no gradient; its neighbour of 1e-24 has.
    return (1 - variance.clamp_min(1e-24).sqrt()).square().mean()


def off_shape(
    z: Float[Tensor, "N D"],
    directions: int = 128,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Sliced squared Wasserstein-2 distance of standardised samples to a normal.

    Mean over random directions of ``mean_i (sorted projection_i - q_i)^2``, q_i the
    normal's quantile at i / (N + 1). No gradient through the standard deviation.

    Args:
        z: Samples.
        directions: Random unit projections, drawn anew at each call.
        generator: Source of the projections.
    """
    std = z.detach().std(dim=0, correction=0)
    standard = (z - z.mean(dim=0)) / (std + SPREAD_EPS)
    axes = torch.randn(z.shape[1], directions, generator=generator).to(z)
    shadows = (standard @ (axes / axes.norm(dim=0))).sort(dim=0).values
    places = torch.arange(1, len(z) + 1, dtype=torch.float64) / (len(z) + 1)
    quantiles = torch.special.ndtri(places).to(z)
    return (shadows - quantiles.unsqueeze(1)).square().mean()
