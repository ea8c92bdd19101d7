"""Proprioception and other flat streams."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class VectorEncoder(nn.Module):
    """Flat float streams to features: standardised, then a two-layer network.

    The statistics of the recording are buffers, so that they travel with the model.
    """

    num_tokens = 1
    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int, *, width: int = 64) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))
        self.layers = nn.Sequential(
            nn.Linear(dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )

    def standardise(self, mean: Tensor, scale: Tensor) -> None:
        """Take the mean and the non-zero scale (dim,) of the recording."""
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def forward(self, values: Float[Tensor, "N d"]) -> Float[Tensor, "N F"]:
        """Features of N vectors."""
        return self.layers((values.float() - self.mean) / self.scale)
