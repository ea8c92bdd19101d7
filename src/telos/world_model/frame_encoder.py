"""From frames to latents, each frame for itself, and what ends every encoder here."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from telos.perception import BackboneConfig, build_backbone
from telos.world_model.jepa import STANDARDISE_EPS


class Standardised(nn.Module):
    """An encoder that ends in BatchNorm without gain or offset.

    It comes last so that no objective has to blow latents up: every dimension has unit
    variance over a batch, and what can still collapse is what they hold.

    Args:
        dim: D of latents.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.standardise = nn.BatchNorm1d(dim, eps=STANDARDISE_EPS, affine=False)

    def features(self, frames: UInt8[Tensor, "B T h w C"]) -> Float[Tensor, "B N D"]:
        """Latents before they are standardised."""
        raise NotImplementedError

    def forward(self, frames: UInt8[Tensor, "B T h w C"]) -> Float[Tensor, "B N D"]:
        """Latents; in training mode standardised by the batch's own statistics."""
        return self.standardised(self.features(frames))

    def standardised(self, features: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        """Latents of features."""
        return self.standardise(features.flatten(0, 1)).view(features.shape)

    @torch.no_grad()
    def standardise_by(self, features: Float[Tensor, "N D"]) -> None:
        """Standardise by the statistics of these features, outside of training."""
        norm = self.standardise
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(features.mean(dim=0))
        norm.running_var.copy_(features.var(dim=0))


class FrameEncoder(Standardised):
    """A backbone and a linear head, frame by frame.

    Args:
        shape: (h, w, F) of frames as the backbone sees them.
        backbone: Which network looks at them.
        dim: D of latents.
    """

    def __init__(
        self, shape: tuple[int, int, int], backbone: BackboneConfig, dim: int
    ) -> None:
        super().__init__(dim)
        self.shape = shape
        self.backbone = build_backbone(backbone, shape)
        self.head = nn.Linear(self.backbone.width, dim)

    def features(self, frames: UInt8[Tensor, "B T h w C"]) -> Float[Tensor, "B T D"]:
        """Latents before they are standardised.

        Raises:
            ValueError: If frames are of another shape.
        """
        if tuple(frames.shape[2:]) != self.shape:
            raise ValueError(
                f"frames are {tuple(frames.shape[2:])}, this watcher was built for "
                f"{self.shape}"
            )
        seen = self.backbone(frames.flatten(0, 1))
        return self.head(seen).float().unflatten(0, frames.shape[:2])
