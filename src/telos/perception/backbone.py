"""Which network looks at an image: a choice by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from telos.perception.conv import ConvEncoder
from telos.perception.feature_keypoints import FeatureKeypoints
from telos.perception.keypoints import KeypointEncoder
from telos.perception.vit import ViTEncoder

Kind = Literal["keypoints", "conv", "vit", "frozen"]


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The network that looks at images."""

    kind: Kind = "keypoints"
    """keypoints (localises fast), conv (plain strided), vit (patch transformer) or
    frozen (keypoints over the features of pretrained weights)."""
    channels: int = 32
    """Filters of the first convolution, or width of a token."""
    width: int = 256
    """Features that leave the network."""
    downsample: int = 2
    """Images, or the patches of a frozen network, are averaged in blocks of this side
    before trained layers see them."""
    weights: str = ""
    """Of a frozen network: a folder, or owner/name or owner/name@revision on the hub.
    They stay there; a run refers to them."""
    weights_digest: str = ""
    """Digest of these weights, filled in when a training begins. No others are taken
    for them."""

    def __post_init__(self) -> None:
        if (self.kind == "frozen") != bool(self.weights):
            raise ValueError(
                f"backbone {self.kind!r} with weights {self.weights!r}: the backbone "
                "frozen needs pretrained weights (a folder, or owner/name of the hub), "
                "and no other takes them"
            )


Backbone = KeypointEncoder | ConvEncoder | ViTEncoder | FeatureKeypoints


def build_backbone(config: BackboneConfig, shape: tuple[int, int, int]) -> Backbone:
    """The network for images of (H, W, C) after `build_reduction` and stacking.

    Raises:
        ValueError: If there is no such network, or its strides or patches do not
            divide the image.
    """
    makers = {
        "keypoints": KeypointEncoder,
        "conv": ConvEncoder,
        "vit": ViTEncoder,
        "frozen": FeatureKeypoints,
    }
    if config.kind not in makers:
        raise ValueError(
            f"backbone {config.kind!r} is unknown; choose one of {sorted(makers)}"
        )
    return makers[config.kind](shape, channels=config.channels, width=config.width)
