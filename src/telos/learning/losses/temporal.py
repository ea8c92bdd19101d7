"""Terms along time: smooth states, and a context that stays."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def smoothness(state: Float[Tensor, "B T Z"]) -> Float[Tensor, ""]:
    """Mean squared change from frame to frame.

    Source: the temporal-similarity term of PLDM (Sobal et al. 2025, 2502.14819).
    """
    return (state[:, 1:] - state[:, :-1]).square().mean()


def invariance(context: Float[Tensor, "G V C"]) -> Float[Tensor, ""]:
    """Mean squared distance of V frames of one episode from their mean, per group.

    Source: the invariance term of VICReg (2105.04906, equation 5) for more than two
    views; two frames of an episode are the views.
    """
    return (context - context.mean(dim=1, keepdim=True)).square().mean()
