"""What is hidden of a clip, from what is seen of it.

Source: I-JEPA (2301.08243), section 3: a learned token with a position asks for each
patch that is hidden.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from telos.perception.clip_tokens import HEADS


class MaskedPredictor(nn.Module):
    """Latents of hidden patches, from latents of seen ones and the places of both.

    Args:
        dim: D of latents.
        places: Patches of a clip.
        width: Of a token; a multiple of 4, the number of attention heads.
        depth: Transformer blocks.

    Raises:
        ValueError: If the width suits no four heads.
    """

    def __init__(self, dim: int, places: int, *, width: int, depth: int) -> None:
        super().__init__()
        if width < 1 or width % HEADS:
            raise ValueError(
                f"predictor.width is {width}, expected a multiple of {HEADS}: the "
                "masked predictor has so many attention heads"
            )
        self.embed = nn.Linear(dim, width)
        self.asking = nn.Parameter(0.02 * torch.randn(width))
        self.position = nn.Parameter(0.02 * torch.randn(places, width))
        layer = nn.TransformerEncoderLayer(
            width, HEADS, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, dim)

    def forward(
        self,
        seen: Float[Tensor, "B N D"],
        context: Int[Tensor, "B N"],
        targets: Int[Tensor, "B K M"],
    ) -> Float[Tensor, "B K M D"]:
        """Each of K sets of hidden patches, for itself.

        Args:
            seen: Latents of what is seen.
            context: Where it is, by index.
            targets: Where the hidden patches are.
        """
        sets = targets.shape[1]
        known = self.embed(seen) + self.position[context]
        asked = self.asking + self.position[targets.flatten(0, 1)]
        tokens = torch.cat([known.repeat_interleave(sets, dim=0), asked], dim=1)
        found = self.blocks(tokens)[:, -targets.shape[2] :]
        return self.out(self.norm(found)).unflatten(0, (-1, sets))
