"""MaskedWatcher: latents of patches, and what hidden ones should be.

I-JEPA on images and V-JEPA on clips by one class, with the masks of
`telos.perception.masking`.

Sources: I-JEPA (2301.08243), V-JEPA (2404.08471).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from telos.config import Size
from telos.perception import downsample
from telos.perception.clip_tokens import ClipTransformer
from telos.perception.masking import Grid, MaskConfig
from telos.world_model.frame_encoder import Standardised
from telos.world_model.predictors.masked import MaskedPredictor
from telos.world_model.watcher_config import SEEN


@dataclass(frozen=True, kw_only=True)
class MaskedWatcherConfig:
    """A network that watches clips and fills in what is hidden."""

    masks: MaskConfig
    """What is hidden while it learns."""
    stream: str = "pixels"
    """Observation stream that it watches."""
    shape: tuple[int, int, int] = (32, 32, 3)
    """(H, W, C) of its frames as stored."""
    frames: int = 20
    """Of a clip; 1 for images."""
    downsample: int = 1
    """Frames are averaged in blocks of this side."""
    patch: int = 8
    """Side of a patch, in pixels after averaging."""
    tubelet: int = 2
    """Frames that a patch lasts."""
    dim: int = 64
    """D of the latent of a patch."""
    width: int = 96
    """Of a patch inside the encoder; a multiple of 4."""
    depth: int = 3
    """Blocks of the encoder."""
    predictor_width: int = 48
    """Of a patch inside the predictor; a multiple of 4."""
    predictor_depth: int = 2
    """Blocks of the predictor."""
    action_dim: int = 0
    """It is told no actions."""

    @property
    def seen_shape(self) -> tuple[int, int, int]:
        """(h, w, C) of a frame as the trained layers see it.

        Raises:
            ValueError: If frames cannot be averaged so.
        """
        height, width, colours = self.shape
        if height % self.downsample or width % self.downsample:
            raise ValueError(
                f"frames of {height} x {width} cannot be averaged in blocks of "
                f"{self.downsample}; choose a factor that divides both sides"
            )
        return height // self.downsample, width // self.downsample, colours


def sized_masked(
    size: Size,
    masks: MaskConfig,
    shape: tuple[int, int, int] = (32, 32, 3),
    frames: int = 20,
) -> MaskedWatcherConfig:
    """The configuration of a size, for clips of a shape; images have smaller patches.

    Raises:
        ValueError: If there is no such size.
    """
    sizes: dict[Size, tuple[int, int, int, int, int]] = {
        "tiny": (64, 96, 3, 48, 2),
        "small": (128, 192, 4, 96, 3),
        "base": (256, 384, 6, 192, 4),
    }
    if size not in sizes:
        raise ValueError(f"size {size!r} is unknown; choose one of {sorted(sizes)}")
    dim, width, depth, predictor_width, predictor_depth = sizes[size]
    return MaskedWatcherConfig(
        masks=masks,
        shape=shape,
        frames=frames,
        downsample=max(1, max(shape[:2]) // SEEN),
        patch=4 if frames == 1 else 8,
        tubelet=1 if frames % 2 else 2,
        dim=dim,
        width=width,
        depth=depth,
        predictor_width=predictor_width,
        predictor_depth=predictor_depth,
    )


class PatchEncoder(Standardised):
    """From clips to latents of their patches; what is left out is not computed."""

    def __init__(self, config: MaskedWatcherConfig) -> None:
        super().__init__(config.dim)
        self.clip = ClipTransformer(
            config.seen_shape,
            frames=config.frames,
            patch=config.patch,
            tubelet=config.tubelet,
            width=config.width,
            depth=config.depth,
        )
        self.head = nn.Linear(config.width, config.dim)

    def features(
        self,
        frames: UInt8[Tensor, "B T h w C"],
        keep: Int[Tensor, "B K"] | None = None,
    ) -> Float[Tensor, "B N D"]:
        """Latents before they are standardised; of some patches only, if so told."""
        return self.head(self.clip(frames, keep)).float()


class MaskedWatcher(nn.Module):
    """Encoder of patches and predictor of hidden ones.

    Args:
        config: Sizes and masks.

    Raises:
        ValueError: If patches do not tile the clips, or a size is not allowed.
    """

    def __init__(self, config: MaskedWatcherConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = PatchEncoder(config)
        self.predictor = MaskedPredictor(
            config.dim,
            self.grid.size,
            width=config.predictor_width,
            depth=config.predictor_depth,
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.predictor.position.device

    @property
    def grid(self) -> Grid:
        """Patches of a clip."""
        return self.encoder.clip.grid

    @property
    def memory(self) -> int:
        """The most frames that can be seen before one that is predicted."""
        return self.config.frames - 1

    @property
    def picture(self) -> tuple[int, int, int]:
        """(p, p, tubelet * C) of a patch."""
        clip = self.encoder.clip
        return clip.patch, clip.patch, clip.tubelet * self.config.shape[2]

    def reduced(self, pixels: UInt8[np.ndarray, "*n H W C"]) -> np.ndarray:
        """Stored frames as the trained layers see them."""
        return downsample(pixels, self.config.downsample)

    def predict(
        self,
        seen: Float[Tensor, "B N D"],
        context: Int[Tensor, "B N"],
        targets: Int[Tensor, "B K M"],
    ) -> Float[Tensor, "B K M D"]:
        """Latents of hidden patches, see `MaskedPredictor`."""
        return self.predictor(seen, context, targets)
