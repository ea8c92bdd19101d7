"""What is left of samples when the mean of their group is taken away."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def group_residuals(
    z: Float[Tensor, "N D"], groups: Int[Tensor, "N"]
) -> Float[Tensor, "N D"]:
    """Differences from the mean of one's group, scaled to an unbiased variance.

    Statistics of these residuals cannot be satisfied by what is constant in a group (a
    layout, a background): the remedy for the slow-feature collapse (Sobal et al. 2022,
    2211.10831). A group of n is scaled by sqrt(n / (n - 1)).

    Args:
        z: Samples.
        groups: Group of each sample; any whole numbers.

    Raises:
        ValueError: If a group has one sample, which has no residual.
    """
    names, place = torch.unique(groups.to(z.device), return_inverse=True)
    counts = torch.bincount(place, minlength=len(names))
    if int(counts.min()) < 2:
        alone = names[counts.argmin()].item()
        raise ValueError(
            f"group {alone} has one sample, which says nothing about what varies "
            "within it; give at least two of each clip or episode"
        )
    count = counts.to(z).unsqueeze(1)
    sums = torch.zeros(len(names), z.shape[1]).to(z).index_add(0, place, z)
    return (z - (sums / count)[place]) * (count / (count - 1)).sqrt()[place]
