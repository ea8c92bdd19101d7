"""Which network looks at an image: a choice by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from telos.perception.conv import ConvEncoder
from telos.perception.keypoints import KeypointEncoder
from telos.perception.vit import ViTEncoder

Kind = Literal["keypoints", "conv", "vit"]


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The network that looks at images."""

    kind: Kind = "keypoints"
    """keypoints (localises fast), conv (plain strided) or vit (patch transformer)."""
    channels: int = 32
    """Filters of the first convolution, or width of a token."""
    width: int = 256
    """Features that leave the network."""
    downsample: int = 2
    """Images are averaged in blocks of this side before the network sees them."""


Backbone = KeypointEncoder | ConvEncoder | ViTEncoder


def build_backbone(config: BackboneConfig, shape: tuple[int, int, int]) -> Backbone:
    """The network for images of (H, W, C) after down-sampling and stacking.

    Raises:
        ValueError: If there is no such network, or its strides or patches do not
            divide the image.
    """
    makers = {"keypoints": KeypointEncoder, "conv": ConvEncoder, "vit": ViTEncoder}
    if config.kind not in makers:
        raise ValueError(
            f"backbone {config.kind!r} is unknown; choose one of {sorted(makers)}"
        )
    return makers[config.kind](shape, channels=config.channels, width=config.width)
