"""What happens to stored images once, before any trained layer sees them.

It has no trainable parameter, so that its result can be kept for a whole training.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from telos.perception.backbone import BackboneConfig
from telos.perception.frozen import FrozenEncoder
from telos.perception.pretrained import (
    checkpoint_digest,
    find_checkpoint,
    hub_name,
    load_pretrained,
)
from telos.perception.transforms import downsample

Shape = tuple[int, int, int]


class Reduction(Protocol):
    """Images to what the trained layers see, each for itself."""

    dtype: np.dtype
    """Of what comes out."""
    costly: bool
    """Whether it is worth keeping on disk what does not fit into memory."""

    def shape(self, stored: Shape) -> Shape:
        """(h, w, F) for stored images (H, W, C); ValueError if they do not suit."""
        ...

    def __call__(self, pixels: np.ndarray, device: torch.device) -> np.ndarray:
        """(..., h, w, F) of stored images (..., H, W, C) uint8."""
        ...


class Averaging:
    """Blocks of pixels, averaged."""

    dtype, costly = np.dtype(np.uint8), False

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def shape(self, stored: Shape) -> Shape:
        """(H, W, C) divided by the side of a block."""
        height, width, colours = stored
        if height % self.factor or width % self.factor:
            raise ValueError(
                f"images of {height} x {width} cannot be averaged in blocks of "
                f"{self.factor}; choose a factor that divides both sides"
            )
        return height // self.factor, width // self.factor, colours

    def __call__(self, pixels: np.ndarray, device: torch.device) -> np.ndarray:
        """Averaged on the CPU, whatever the device."""
        return downsample(pixels, self.factor)


def build_reduction(config: BackboneConfig) -> Reduction:
    """What comes before the network of this configuration.

    Raises:
        FileNotFoundError, ModuleNotFoundError, ValueError: Where pretrained weights are
            wanted and cannot be had, see `load_pretrained`.
    """
    if config.kind != "frozen":
        return Averaging(config.downsample)
    checkpoint = load_pretrained(config.weights, config.weights_digest)
    return FrozenEncoder(checkpoint, config.downsample)


def pinned(config: BackboneConfig) -> BackboneConfig:
    """The same network, with the place and the digest of its weights as they are now.

    A folder becomes an absolute path. Raises what `find_checkpoint` raises.
    """
    if config.kind != "frozen":
        return config
    folder = find_checkpoint(config.weights, config.weights_digest)
    on_hub = hub_name(config.weights)
    place = config.weights if on_hub else str(Path(config.weights).resolve())
    return replace(config, weights=place, weights_digest=checkpoint_digest(folder))
