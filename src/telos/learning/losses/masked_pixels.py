"""Errors of hidden patches: the masked autoencoder's.

Source: He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners" (2111.06377),
sections 3 and 4.1 (normalised pixels).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

FLAT = 1e-6
"""Added to a patch's variance."""


def patch_errors(
    predicted: Float[Tensor, "N P"], pixels: Float[Tensor, "N P"]
) -> Float[Tensor, "N"]:
    """Mean squared error of each patch, whose pixels are standardised by themselves."""
    mean = pixels.mean(dim=-1, keepdim=True)
    variance = pixels.var(dim=-1, keepdim=True)
    standard = (pixels - mean) / (variance + FLAT).sqrt()
    return (predicted - standard).square().mean(dim=-1)
