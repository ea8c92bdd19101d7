"""A small conv net that begins with patches: for many small frames on a processor.

The first layer of a plain strided net makes many channels at nearly the full size of an
image, and half of all time goes there. Patches of four pixels a side are a sixteenth of
that, and neighbours are still looked at together afterwards.
"""

from __future__ import annotations

from jaxtyping import Float, UInt8
from torch import Tensor, nn

PATCH = 4
"""Side of a patch, in pixels."""


class PatchConvEncoder(nn.Module):
    """Images to features by patches, two convolutions between them and a linear layer.

    Args:
        shape: (H, W, C) of the image; H and W divisible by 8.
        channels: Filters of the first layer, doubled once.
        width: Output features.

    Raises:
        ValueError: If H or W is not divisible by 8.
    """

    num_tokens = 1

    def __init__(
        self, shape: tuple[int, int, int], *, channels: int = 32, width: int = 256
    ) -> None:
        super().__init__()
        height, breadth, colours = shape
        if height % (2 * PATCH) or breadth % (2 * PATCH):
            raise ValueError(
                f"the patch-conv backbone cannot take {height} x {breadth}; use images "
                "whose sides are multiples of 8 after down-sampling, or the backbone "
                "keypoints"
            )
        self.width = width
        size = height // (2 * PATCH) * (breadth // (2 * PATCH))
        self.layers = nn.Sequential(
            nn.Conv2d(colours, channels, PATCH, stride=PATCH),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * channels * size, width),
            nn.ReLU(),
        )

    def forward(self, pixels: UInt8[Tensor, "N H W C"]) -> Float[Tensor, "N F"]:
        """Features of N images."""
        return self.layers(pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0))
