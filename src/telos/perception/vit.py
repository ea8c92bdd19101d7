"""A small vision transformer over square patches.

Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1; mean
pooling instead of a class token.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn


class ViTEncoder(nn.Module):
    """Images to features by self-attention between patches.

    Args:
        shape: (H, W, C) of the image.
        patch: Side of a patch; divides H and W.
        channels: Width of a token.
        depth: Transformer blocks.
        heads: Attention heads; divides the token width.
        width: Output features.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        patch: int = 4,
        channels: int = 64,
        depth: int = 2,
        heads: int = 4,
        width: int = 256,
    ) -> None:
        super().__init__()
        height, breadth, colours = shape
        if height % patch or breadth % patch:
            raise ValueError(
                f"patches of {patch} do not tile an image of {height} x {breadth}; "
                "choose a patch that divides both sides"
            )
        num_patches = (height // patch) * (breadth // patch)
        self.patch, self.width = patch, width
        self.embed = nn.Linear(patch * patch * colours, channels)
        self.position = nn.Parameter(0.02 * torch.randn(num_patches, channels))
        layer = nn.TransformerEncoderLayer(
            channels,
            heads,
            4 * channels,
            0.0,
            "gelu",
            batch_first=True,
            norm_first=True,
        )
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.out = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width))

    def forward(self, pixels: UInt8[Tensor, "N H W C"]) -> Float[Tensor, "N F"]:
        """Features of N images."""
        patches = rearrange(
            pixels, "n (h p) (w q) c -> n (h w) (p q c)", p=self.patch, q=self.patch
        )
        tokens = self.embed(patches.float().div_(127.5).sub_(1.0)) + self.position
        return torch.relu(self.out(self.blocks(tokens).mean(1)))
