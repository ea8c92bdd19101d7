"""A transformer over the patches of a clip, of which some may be left out.

Sources: Dosovitskiy et al. 2021 (2010.11929), section 3.1, for patches; V-JEPA
(2404.08471), section 3, for patches that last several frames, and for leaving out what
is hidden before anything is computed of it.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from telos.perception.masking import Grid

HEADS = 4


class ClipTransformer(nn.Module):
    """Clips to one vector per patch. An image is a clip of one frame.

    Args:
        shape: (H, W, C) of a frame.
        frames: The most frames of a clip; a multiple of ``tubelet``.
        patch: Side of a patch; divides H and W.
        tubelet: Frames that a patch lasts.
        width: Of a patch's vector; a multiple of 4, the number of attention heads.
        depth: Transformer blocks.

    Raises:
        ValueError: If patches do not tile a clip, or the width suits no four heads.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        frames: int = 1,
        patch: int = 4,
        tubelet: int = 1,
        width: int = 64,
        depth: int = 3,
    ) -> None:
        super().__init__()
        height, breadth, colours = shape
        if patch < 1 or height % patch or breadth % patch:
            raise ValueError(
                f"patches of {patch} do not tile frames of {height} x {breadth}; "
                "choose a patch that divides both sides"
            )
        if tubelet < 1 or frames < 1 or frames % tubelet:
            raise ValueError(
                f"patches that last {tubelet} frame(s) do not tile clips of {frames}; "
                "choose a length that is a multiple"
            )
        if width % HEADS:
            raise ValueError(
                f"the width of a patch is {width}, expected a multiple of {HEADS}"
            )
        self.patch, self.tubelet, self.width = patch, tubelet, width
        self.grid = Grid(
            frames=frames // tubelet, rows=height // patch, columns=breadth // patch
        )
        self.embed = nn.Linear(tubelet * patch * patch * colours, width)
        self.position = nn.Parameter(0.02 * torch.randn(self.grid.size, width))
        layer = nn.TransformerEncoderLayer(
            width, HEADS, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)

    def cut(self, frames: UInt8[Tensor, "B T h w C"]) -> UInt8[Tensor, "B N p p tC"]:
        """Patches of a clip: its frames in order, rows of a frame first.

        Raises:
            ValueError: If the clip is longer than positions are known, or its frames
                do not fill patches.
        """
        length = frames.shape[1]
        most = self.grid.frames * self.tubelet
        if not 0 < length <= most or length % self.tubelet:
            raise ValueError(
                f"a clip of {length} frames; this network takes at most {most}, in "
                f"multiples of {self.tubelet}"
            )
        return rearrange(
            frames,
            "b (n t) (h p) (w q) c -> b (n h w) p q (t c)",
            t=self.tubelet,
            p=self.patch,
            q=self.patch,
        )

    def forward(
        self,
        frames: UInt8[Tensor, "B T h w C"],
        keep: Int[Tensor, "B K"] | None = None,
    ) -> Float[Tensor, "B N F"]:
        """What every patch has become.

        Args:
            frames: A clip, which may be shorter than the longest.
            keep: Patches by index; the others are not there. All by default.
        """
        patches = self.cut(frames).flatten(2)
        positions = self.position[: patches.shape[1]].expand(len(patches), -1, -1)
        if keep is not None:
            patches, positions = chosen(patches, keep), chosen(positions, keep)
        tokens = self.embed(patches.float().div_(127.5).sub_(1.0)) + positions
        return self.norm(self.blocks(tokens))


def chosen(
    rows: Float[Tensor, "B N F"], which: Int[Tensor, "B K"]
) -> Float[Tensor, "B K F"]:
    """Some rows of each clip, by index."""
    return rows.gather(1, which.unsqueeze(-1).expand(-1, -1, rows.shape[-1]))
