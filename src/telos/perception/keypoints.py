"""A small strided conv net that ends in attention maps with coordinates.

Each map attends to a place; what leaves the encoder is where that place is and what is
seen there. Coordinates of attended places localise small things between pixels after a
few hundred training steps, where a flattened feature map needs thousands.

Source: spatial soft-argmax of Finn et al. 2016, "Deep Spatial Autoencoders for
Visuomotor Learning", section IV, with a read value beside each coordinate.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import relu

SHARPNESS = 10.0
"""Scale of attention logits: nearly uniform maps would all start at the middle."""
COORDINATE_SCALE = 3.0
"""Coordinates span [-3, 3], the range of the features beside them."""


class KeypointEncoder(nn.Module):
    """Images to features by soft keypoints.

    Args:
        shape: (H, W, C) of the image; H and W even.
        channels: Filters of the strided convolution.
        maps: Attention maps.
        values: Features read at each attended place.
        width: Output features.

    Raises:
        ValueError: If H or W is odd.
    """

    num_tokens = 1
    places: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        channels: int = 32,
        maps: int = 32,
        values: int = 8,
        width: int = 256,
    ) -> None:
        super().__init__()
        height, breadth, colours = shape
        if height % 2 or breadth % 2:
            raise ValueError(
                f"the keypoints backbone halves images and cannot take {height} x "
                f"{breadth}; use images with even sides after down-sampling"
            )
        self.width, self.maps = width, maps
        self.strided = nn.Conv2d(colours, channels, 5, stride=2, padding=2)
        self.mix = nn.Conv2d(channels, 2 * channels, 1)
        self.attention = nn.Conv2d(2 * channels, maps, 1)
        self.value = nn.Conv2d(2 * channels, values, 1)
        self.out = nn.Linear(maps * (2 + values), width)
        self.register_buffer("places", grid_places(height // 2, breadth // 2))

    def forward(self, pixels: UInt8[Tensor, "N H W C"]) -> Float[Tensor, "N F"]:
        """Features of N images."""
        image = pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        hidden = relu(self.mix(relu(self.strided(image))))
        found = attended(self.attention(hidden), self.value(hidden), self.places)
        return relu(self.out(found))


def attended(
    scores: Float[Tensor, "N M h w"], values: Float[Tensor, "N V h w"], places: Tensor
) -> Float[Tensor, "N F"]:
    """For each of M maps its expected place and the values expected there.

    Args:
        scores: Logits of the maps.
        values: What can be read in each cell.
        places: (2, h*w) coordinates of the cells.

    Returns:
        F = M * (2 + V) numbers.
    """
    maps = (SHARPNESS * scores).flatten(2).softmax(-1)
    seen = torch.cat([places.expand(len(values), -1, -1), values.flatten(2)], dim=1)
    return (maps @ seen.transpose(1, 2)).flatten(1)


def grid_places(height: int, width: int) -> Tensor:
    """(2, height*width) x and y of every cell."""
    rows, columns = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    return COORDINATE_SCALE * torch.stack([columns, rows]).flatten(1)
