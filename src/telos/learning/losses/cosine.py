"""Two vectors point the same way: the error of BYOL and SimSiam."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity


def misdirections(
    predicted: Float[Tensor, "N D"], target: Float[Tensor, "N D"]
) -> Float[Tensor, "N"]:
    """``1 - cos`` of each pair: 0 for one direction, 2 for opposite ones."""
    return 1 - cosine_similarity(predicted, target, dim=-1)


def misdirection(
    predicted: Float[Tensor, "N D"], target: Float[Tensor, "N D"]
) -> Float[Tensor, ""]:
    """Mean of `misdirections`; gradients of targets are the caller's matter.

    Half of BYOL's squared distance of unit vectors (2006.07733, equation 2); SimSiam's
    loss (2011.10566, equation 1) and 1.
    """
    return misdirections(predicted, target).mean()
