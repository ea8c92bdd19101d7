"""Multi-step prediction in representation space."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def prediction_loss(
    predicted: Float[Tensor, "B T Z"], target: Float[Tensor, "B T Z"]
) -> Float[Tensor, ""]:
    """Mean squared error over steps and dimensions.

    The target is not detached: what keeps the encoder from making it trivial are the
    anti-collapse terms, not a stop-gradient.

    Source: LeCun 2022, section 4.5.
    """
    return (predicted - target).square().mean()
