"""Terms along time: smooth states, and a context that stays."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

STILL = 1e-2
"""Changes smaller than this share of the states' spread have no direction."""


def smoothness(state: Float[Tensor, "B T Z"]) -> Float[Tensor, ""]:
    """Mean squared change from frame to frame.

    Source: the temporal-similarity term of PLDM (Sobal et al. 2025, 2502.14819).
    """
    return (state[:, 1:] - state[:, :-1]).square().mean()


def straightness(state: Float[Tensor, "B T Z"]) -> Float[Tensor, ""]:
    """One less the mean cosine of successive changes: 0 on straight ways, 2 at turns.

    Gradients of a cost at the end of a plan are useful as far as ways are straight.
    Where nothing moves there is no direction, and nothing is lost.

    Args:
        state: At least three frames of each window.

    Raises:
        ValueError: With fewer frames.

    Source: temporal straightening (2603.12231).
    """
    if state.shape[1] < 3:
        raise ValueError(
            f"windows of {state.shape[1]} frames have no two changes in a row; "
            "straightness needs a window length of at least 2 transitions"
        )
    change = state[:, 1:] - state[:, :-1]
    cosine = cosine_similarity(change[:, 1:], change[:, :-1], dim=-1, eps=1e-4)
    moved = change.detach().norm(dim=-1) > STILL * state.detach().std()
    known = moved[:, 1:] & moved[:, :-1]
    return torch.where(known, 1 - cosine, 0.0).sum() / known.sum().clamp_min(1)


def invariance(context: Float[Tensor, "G V C"]) -> Float[Tensor, ""]:
    """Mean squared distance of V frames of one episode from their mean, per group.

    Source: the invariance term of VICReg (2105.04906, equation 5) for more than two
    views; two frames of an episode are the views.
    """
    return (context - context.mean(dim=1, keepdim=True)).square().mean()
