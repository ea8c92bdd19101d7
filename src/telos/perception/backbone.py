"""Which network looks at an image: a choice by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from telos.perception.conv import ConvEncoder
from telos.perception.feature_keypoints import FeatureKeypoints
from telos.perception.keypoints import KeypointEncoder
from telos.perception.patch_conv import PatchConvEncoder
from telos.perception.vit import ViTEncoder
from telos.perception.vit_tokens import ViTTokenEncoder

BackboneKind = Literal["keypoints", "conv", "patch-conv", "vit", "vit-tokens", "frozen"]


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The network that looks at images."""

    kind: BackboneKind = "keypoints"
    """keypoints (localises fast), conv (plain strided), patch-conv (patches first:
    cheap for many small frames), vit (patch transformer, pooled), vit-tokens (the same,
    every patch a token of the state) or frozen (keypoints over the features of
    pretrained weights)."""
    channels: int = 32
    """Filters of the first convolution, or width of a token inside a transformer."""
    width: int = 256
    """Features that leave the network; of vit-tokens, ``channels`` leave per token."""
    downsample: int = 2
    """Images, or the patches of a frozen network, are averaged in blocks of this side
    before trained layers see them."""
    patch: int = 4
    """Side of a transformer's patch, in pixels after averaging."""
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


Backbone = (
    KeypointEncoder
    | ConvEncoder
    | PatchConvEncoder
    | ViTEncoder
    | ViTTokenEncoder
    | FeatureKeypoints
)


def build_backbone(config: BackboneConfig, shape: tuple[int, int, int]) -> Backbone:
    """The network for images of (H, W, C) after `build_reduction` and stacking.

    Raises:
        ValueError: If there is no such network, or its strides or patches do not
            divide the image.
    """
    channels, width, patch = config.channels, config.width, config.patch
    makers: Mapping[str, Callable[..., Backbone]] = {
        "keypoints": partial(KeypointEncoder, width=width),
        "conv": partial(ConvEncoder, width=width),
        "patch-conv": partial(PatchConvEncoder, width=width),
        "vit": partial(ViTEncoder, patch=patch, width=width),
        "vit-tokens": partial(ViTTokenEncoder, patch=patch),
        "frozen": partial(FeatureKeypoints, width=width),
    }
    if config.kind not in makers:
        raise ValueError(
            f"backbone {config.kind!r} is unknown; choose one of {sorted(makers)}"
        )
    return makers[config.kind](shape, channels=channels)
