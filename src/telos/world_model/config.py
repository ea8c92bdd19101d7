"""What a world model is made of, and the one dial that sizes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from telos.config import Size
from telos.perception.backbone import BackboneConfig

PredictorKind = Literal["mixture", "residual", "recurrent", "transformer"]


@dataclass(frozen=True, kw_only=True)
class PredictorConfig:
    """The network that predicts the next state."""

    kind: PredictorKind = "mixture"
    """mixture (several outcomes, of which the most likely is imagined), residual (one
    outcome), recurrent (a gated cell) or transformer (causal, over the imagined past).
    """
    width: int = 256
    """Hidden units, or width of a token."""
    depth: int = 2
    """Hidden layers or transformer blocks; a recurrent cell has one."""
    outcomes: int = 4
    """Outcomes of a mixture."""


@dataclass(frozen=True, kw_only=True)
class JEPAConfig:
    """A joint-embedding predictive architecture."""

    streams: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Stored shape of each observation stream that the model sees."""
    action_dim: int = 2
    """Numbers in the action of one model step: ``frame_skip`` times the world's."""
    state_dim: int = 32
    """Dimensions that move within an episode; the predictor moves them."""
    context_dim: int = 16
    """Dimensions that stay within an episode (the layout); they are carried along.
    0 for worlds whose layout never changes."""
    history: int = 1
    """Frames seen together, so that velocity shows."""
    frame_skip: int = 1
    """Environment steps per model step."""
    completes: bool = False
    """Whether it learns to guess latents from some of its streams, so that a goal may
    be shown in one camera alone."""
    balanced: bool = False
    """Whether all streams start with an equal say, whatever they hold."""
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    predictor: PredictorConfig = field(default_factory=PredictorConfig)

    @property
    def latent_dim(self) -> int:
        """D = state_dim + context_dim."""
        return self.state_dim + self.context_dim


_SIZES: dict[Size, tuple[int, int, int, int]] = {
    # state_dim, context_dim, backbone channels, widths
    "tiny": (32, 16, 32, 256),
    "small": (64, 32, 48, 384),
    "base": (128, 64, 96, 768),
}


def sized(size: Size) -> JEPAConfig:
    """The configuration of a size, before streams and actions are known."""
    if size not in _SIZES:
        raise ValueError(f"size {size!r} is unknown; choose one of {sorted(_SIZES)}")
    state, context, channels, width = _SIZES[size]
    return JEPAConfig(
        state_dim=state,
        context_dim=context,
        backbone=BackboneConfig(channels=channels, width=width),
        predictor=PredictorConfig(width=width),
    )
