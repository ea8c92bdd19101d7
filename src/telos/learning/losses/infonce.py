"""InfoNCE: each prediction finds its own target among those of the batch.

Source: van den Oord et al. 2018 (1807.03748), equation 4, with the cosine and the
temperature of SimCLR (2002.05709, equation 1).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


def infonce(
    predicted: Float[Tensor, "N D"],
    target: Float[Tensor, "N D"],
    temperature: float,
    groups: Int[Tensor, "N"] | None = None,
) -> Float[Tensor, ""]:
    """``mean_i -log softmax_j(cos(predicted_i, target_j) / temperature)_i``.

    log N at chance: it depends on the size of the batch, and on samples that stand in
    it twice. Blind to scale.

    Args:
        predicted: Predictions.
        target: What came, in the same order.
        temperature: Above 0.
        groups: Where given, only targets of one's own group are negatives: what is
            constant in a group then tells nothing apart.
    """
    alike = normalize(predicted, dim=1) @ normalize(target, dim=1).T / temperature
    if groups is not None:
        foreign = groups.unsqueeze(0) != groups.unsqueeze(1)
        alike = alike.masked_fill(foreign.to(alike.device), -math.inf)
    return cross_entropy(alike, torch.arange(len(alike), device=alike.device))
