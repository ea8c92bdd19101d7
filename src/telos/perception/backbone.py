"""Which network looks at an image: a choice by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from telos.perception.conv import ConvEncoder
from telos.perception.keypoints import KeypointEncoder
from telos.perception.vit import ViTEncoder
from telos.perception.vit_tokens import ViTTokenEncoder

BackboneKind = Literal["keypoints", "conv", "vit", "vit-tokens"]


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The network that looks at images."""

    kind: BackboneKind = "keypoints"
    """keypoints (localises fast), conv (plain strided), vit (patch transformer, pooled)
    or vit-tokens (the same, every patch a token of the state)."""
    channels: int = 32
    """Filters of the first convolution, or width of a token inside a transformer."""
    width: int = 256
    """Features that leave the network; of vit-tokens, ``channels`` leave per token."""
    downsample: int = 2
    """Images are averaged in blocks of this side before the network sees them."""
    patch: int = 4
    """Side of a transformer's patch, in pixels after averaging."""


Backbone = KeypointEncoder | ConvEncoder | ViTEncoder | ViTTokenEncoder


def build_backbone(config: BackboneConfig, shape: tuple[int, int, int]) -> Backbone:
    """The network for images of (H, W, C) after down-sampling and stacking.

    Raises:
        ValueError: If there is no such network, or its strides or patches do not
            divide the image.
    """
    channels, width, patch = config.channels, config.width, config.patch
    makers: Mapping[str, Callable[..., Backbone]] = {
        "keypoints": partial(KeypointEncoder, width=width),
        "conv": partial(ConvEncoder, width=width),
        "vit": partial(ViTEncoder, patch=patch, width=width),
        "vit-tokens": partial(ViTTokenEncoder, patch=patch),
    }
    if config.kind not in makers:
        raise ValueError(
            f"backbone {config.kind!r} is unknown; choose one of {sorted(makers)}"
        )
    return makers[config.kind](shape, channels=channels)
