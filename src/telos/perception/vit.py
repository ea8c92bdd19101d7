"""A small vision transformer over square patches, pooled to one vector.

Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1; mean
pooling instead of a class token.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from telos.perception.patches import PatchTransformer


class ViTEncoder(PatchTransformer):
    """Images to features by self-attention between patches.

    Args:
        shape: (H, W, C) of the image.
        patch: Side of a patch; divides H and W.
        channels: Width of a token.
        width: Output features.
    """

    num_tokens = 1

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        patch: int = 4,
        channels: int = 64,
        width: int = 256,
    ) -> None:
        super().__init__(shape, patch=patch, channels=channels)
        self.width = width
        self.out = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width))

    def forward(self, pixels: UInt8[Tensor, "N H W C"]) -> Float[Tensor, "N F"]:
        """Features of N images."""
        return torch.relu(self.out(self.attended(pixels).mean(1)))
