"""A small strided conv net with a flattened end: the field's plain baseline."""

from __future__ import annotations

from jaxtyping import Float, UInt8
from torch import Tensor, nn


class ConvEncoder(nn.Module):
    """Images to features by three strided convolutions and a linear layer.

    Args:
        shape: (H, W, C) of the image; H and W divisible by 8.
        channels: Filters of the first convolution, doubled twice.
        width: Output features.

    Raises:
        ValueError: If H or W is not divisible by 8.
    """

    num_tokens = 1

    def __init__(
        self, shape: tuple[int, int, int], *, channels: int = 16, width: int = 256
    ) -> None:
        super().__init__()
        height, breadth, colours = shape
        if height % 8 or breadth % 8:
            raise ValueError(
                f"the conv backbone halves images three times and cannot take "
                f"{height} x {breadth}; use images whose sides are multiples of 8 "
                "after down-sampling, or the backbone keypoints"
            )
        self.width = width
        self.layers = nn.Sequential(
            nn.Conv2d(colours, channels, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * channels, 4 * channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * channels * (height // 8) * (breadth // 8), width),
            nn.ReLU(),
        )

    def forward(self, pixels: UInt8[Tensor, "N H W C"]) -> Float[Tensor, "N F"]:
        """Features of N images."""
        return self.layers(pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0))
