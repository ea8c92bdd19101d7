"""A small vision transformer whose patches stay apart.

Mean pooling has to squeeze *where* something is into one vector. Here every patch
leaves as a token of its own, and where it is told by which token tells it.
"""

from __future__ import annotations

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from telos.perception.patches import PatchTransformer


class ViTTokenEncoder(PatchTransformer):
    """Images to one token per patch, side by side in one flat vector.

    Args:
        shape: (H, W, C) of the image.
        patch: Side of a patch; divides H and W.
        channels: Width of a token.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        patch: int = 4,
        channels: int = 64,
    ) -> None:
        super().__init__(shape, patch=patch, channels=channels)
        self.num_tokens, self.width = self.num_patches, self.num_patches * channels
        self.out = nn.LayerNorm(channels)

    def forward(self, pixels: UInt8[Tensor, "N H W C"]) -> Float[Tensor, "N PF"]:
        """Tokens of N images; rows of the image first, a token's numbers together."""
        return self.out(self.attended(pixels)).flatten(1)
