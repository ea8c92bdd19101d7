"""Maximum manifold capacity: centroids of views fill the space.

Source: Yerxa et al. 2023, "Learning Efficient Coding of Natural Images with Maximum
Manifold Capacity Representations" (2303.03307), equations 3 and 4.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


def centroid_spread(views: Float[Tensor, "N V D"]) -> Float[Tensor, ""]:
    """``||C||_* / sqrt(N min(N, D))``, C the means of each sample's unit vectors.

    To be maximised. 1 where views agree and fill all dimensions evenly. Agreement is in
    it: views that differ have short means. Blind to scale.
    """
    centres = normalize(views, dim=-1).mean(dim=1)
    most = (centres.shape[0] * min(centres.shape)) ** 0.5
    return torch.linalg.svdvals(centres).sum() / most


def view_spread(views: Float[Tensor, "N V D"]) -> Float[Tensor, ""]:
    """``mean_n ||Z_n||_* / sqrt(V min(V, D))``: how far views of a sample spread."""
    unit = normalize(views, dim=-1)
    most = (views.shape[1] * min(views.shape[1:])) ** 0.5
    return torch.linalg.svdvals(unit).sum(dim=-1).mean() / most
