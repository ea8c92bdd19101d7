"""Causal attention over the latents of a clip: what comes after each of its frames.

Predicting only the next frame teaches little memory: what is out of sight comes back in
a few frames of few clips, and then a sliver at a time, each of which the one before
gives away. Several frames ahead, it is missed from wherever it went.

Source: the decoder-only transformer of Vaswani et al. 2017 (1706.03762), section 3.1,
with layer norms first.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

HEADS = 4


class CausalPredictor(nn.Module):
    """Latents that follow every frame of a clip, from that frame and those before it.

    It predicts the change, and begins by predicting none: the output starts at zero.
    Positions count from the first frame that it is shown, so that a clip that is cut
    looks like one that begins there.

    Args:
        dim: D of latents.
        action_dim: Numbers in the action that leaves a frame; 0 for none.
        memory: The most frames that it can be shown.
        width: Of a token; a multiple of 4, the number of attention heads.
        depth: Transformer blocks.
        ahead: Frames K that are predicted, the next one first.

    Raises:
        ValueError: If a size is not positive, or the width suits no four heads.
    """

    blind: Tensor

    def __init__(
        self,
        dim: int,
        action_dim: int,
        memory: int,
        *,
        width: int,
        depth: int,
        ahead: int = 1,
    ) -> None:
        super().__init__()
        sizes = {"memory": memory, "width": width, "depth": depth, "ahead": ahead}
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"predictor.{name} is {value}, expected at least 1")
        if width % HEADS:
            raise ValueError(
                f"predictor.width is {width}, expected a multiple of {HEADS}: the "
                "causal predictor has so many attention heads"
            )
        if action_dim and ahead > 1:
            raise ValueError(
                f"predictor.ahead is {ahead} with actions of {action_dim} numbers; a "
                "frame further ahead depends on actions in between, which are not "
                "told: set it to 1, or leave the actions out"
            )
        self.memory, self.action_dim, self.ahead = memory, action_dim, ahead
        self.embed = nn.Linear(dim + action_dim, width)
        self.position = nn.Parameter(0.02 * torch.randn(memory, width))
        layer = nn.TransformerEncoderLayer(
            width, HEADS, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, ahead * dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        later = torch.ones(memory, memory, dtype=torch.bool).triu(1)
        self.register_buffer("blind", later, persistent=False)

    def forward(
        self, latents: Float[Tensor, "B T D"], actions: Float[Tensor, "B T A"]
    ) -> Float[Tensor, "B T K D"]:
        """Entry (t, k) is what frame t + 1 + k should be, seen from frames 0 to t.

        Args:
            latents: Of at most ``memory`` frames.
            actions: That leave them.
        """
        length = latents.shape[1]
        tokens = self.embed(torch.cat([latents, actions], -1)) + self.position[:length]
        seen = self.blocks(tokens, mask=self.blind[:length, :length], is_causal=True)
        change = self.out(self.norm(seen)).unflatten(-1, (self.ahead, -1))
        return latents.unsqueeze(2) + change
