"""What a watcher is made of, and the one dial that sizes it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from telos.config import Size
from telos.perception.backbone import BackboneConfig, BackboneKind
from telos.perception.reduction import build_reduction

SEEN = 32
"""Images are averaged until their longer side is at most about this, unless asked
otherwise."""
AHEAD = 12
"""Frames ahead that are predicted, unless asked otherwise: of intuitive physics one
frame ahead teaches half as much (docs/experiments.md)."""


@dataclass(frozen=True, kw_only=True)
class CausalConfig:
    """The transformer that predicts latents from earlier ones."""

    width: int = 96
    """Width of a token; a multiple of 4."""
    depth: int = 3
    """Transformer blocks."""
    memory: int = 32
    """The most frames that it looks at."""
    ahead: int = 1
    """Frames that it predicts from each, the next one first; 1 with actions."""


@dataclass(frozen=True, kw_only=True)
class WatcherConfig:
    """A network that watches clips and predicts what comes next."""

    stream: str = "pixels"
    """Observation stream that it watches."""
    shape: tuple[int, int, int] = (32, 32, 3)
    """(H, W, C) of its frames as stored."""
    action_dim: int = 0
    """Numbers in the action between two frames that it is told; 0 for none."""
    dim: int = 64
    """D of the latent of a frame."""
    backbone: BackboneConfig = field(
        default_factory=lambda: BackboneConfig(
            kind="keypoints", channels=16, width=128, downsample=1
        )
    )
    predictor: CausalConfig = CausalConfig()

    @property
    def seen_shape(self) -> tuple[int, int, int]:
        """(h, w, F) of a frame as the trained layers see it.

        Raises:
            ValueError: If frames cannot be averaged so.
        """
        return build_reduction(self.backbone).shape(self.shape)

    @property
    def streams(self) -> dict[str, tuple[int, ...]]:
        """Name and stored shape of what it sees."""
        return {self.stream: self.shape}


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """What the dial stands for."""

    dim: int
    channels: int
    features: int
    width: int
    depth: int


_SIZES: dict[Size, _Sizes] = {
    "tiny": _Sizes(dim=64, channels=32, features=128, width=96, depth=3),
    "small": _Sizes(dim=128, channels=48, features=256, width=192, depth=4),
    "base": _Sizes(dim=256, channels=96, features=768, width=384, depth=6),
}


def sized_watcher(
    size: Size,
    backbone: BackboneKind = "keypoints",
    shape: tuple[int, int, int] = (32, 32, 3),
) -> WatcherConfig:
    """The configuration of a size, for frames of a shape.

    Args:
        size: tiny, small or base.
        backbone: Network that looks at frames.
        shape: (H, W, C) of frames as stored.

    Raises:
        ValueError: If there is no such size.
    """
    if size not in _SIZES:
        raise ValueError(f"size {size!r} is unknown; choose one of {sorted(_SIZES)}")
    sizes = _SIZES[size]
    # Maps of keypoints are many times larger than those of strided networks.
    channels = sizes.channels // 2 if backbone == "keypoints" else sizes.channels
    looking = BackboneConfig(
        kind=backbone,
        channels=channels,
        width=sizes.features,
        downsample=max(1, max(shape[:2]) // SEEN),
    )
    predicting = CausalConfig(width=sizes.width, depth=sizes.depth, ahead=AHEAD)
    base = WatcherConfig(shape=shape, backbone=looking, predictor=predicting)
    return replace(base, dim=sizes.dim)
