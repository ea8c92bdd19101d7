"""Square patches of an image, and self-attention between them.

Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn


class PatchTransformer(nn.Module):
    """Images to one vector per patch: what the vision transformers here share.

    Args:
        shape: (H, W, C) of the image.
        patch: Side of a patch; divides H and W.
        channels: Width of a patch's vector.
        depth: Transformer blocks.
        heads: Attention heads; divides the width.

    Raises:
        ValueError: If patches do not tile the image.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        patch: int = 4,
        channels: int = 64,
        depth: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        height, breadth, colours = shape
        if patch < 1 or height % patch or breadth % patch:
            raise ValueError(
                f"patches of {patch} do not tile an image of {height} x {breadth}; "
                "choose a patch that divides both sides"
            )
        self.patch = patch
        self.num_patches = (height // patch) * (breadth // patch)
        self.embed = nn.Linear(patch * patch * colours, channels)
        self.position = nn.Parameter(0.02 * torch.randn(self.num_patches, channels))
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

    def attended(self, pixels: UInt8[Tensor, "N H W C"]) -> Float[Tensor, "N P F"]:
        """What every patch has become after the blocks; rows of the image first."""
        patches = rearrange(
            pixels, "n (h p) (w q) c -> n (h w) (p q c)", p=self.patch, q=self.patch
        )
        embedded = self.embed(patches.float().div_(127.5).sub_(1.0))
        return self.blocks(embedded + self.position)
