"""Regression on a teacher's latents after LayerNorm: I-JEPA and V-JEPA.

Sources: I-JEPA (2301.08243, section 3; its code: smooth L1 of normed targets), V-JEPA
(2404.08471, equation 1: absolute errors).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import layer_norm, smooth_l1_loss


def normed(target: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Targets of mean 0 and variance 1 over their own dimensions, without gradient."""
    return layer_norm(target.detach(), target.shape[-1:])


def smooth_errors(
    predicted: Float[Tensor, "N D"], target: Float[Tensor, "N D"]
) -> Float[Tensor, "N"]:
    """Mean over dimensions of e^2 / 2 below 1 and |e| - 1/2 above."""
    return smooth_l1_loss(predicted, target, reduction="none").mean(dim=-1)


def absolute_errors(
    predicted: Float[Tensor, "N D"], target: Float[Tensor, "N D"]
) -> Float[Tensor, "N"]:
    """Mean over dimensions of |e|."""
    return (predicted - target).abs().mean(dim=-1)
