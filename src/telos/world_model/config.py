"""What a world model is made of, and the one dial that sizes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from telos.config import Size
from telos.perception.backbone import BackboneConfig, BackboneKind
from telos.perception.reduction import build_reduction

PredictorKind = Literal["mixture", "residual", "recurrent", "transformer", "tokens"]


@dataclass(frozen=True, kw_only=True)
class PredictorConfig:
    """The network that predicts the next state."""

    kind: PredictorKind = "mixture"
    """mixture (several outcomes, of which the most likely is imagined), residual (one
    outcome), recurrent (a gated cell), transformer (causal, over the imagined past) or
    tokens (attention between the patch tokens of the backbone vit-tokens)."""
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
    """Dimensions that move within an episode; the predictor moves them. A state of
    tokens has ``token_dim`` for each of them: see `fitted`."""
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
    token_dim: int = 16
    """Dimensions of each token, where the backbone is vit-tokens."""
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    predictor: PredictorConfig = field(default_factory=PredictorConfig)

    @property
    def latent_dim(self) -> int:
        """D = state_dim + context_dim."""
        return self.state_dim + self.context_dim

    @property
    def has_tokens(self) -> bool:
        """Whether the state consists of tokens; else it is one vector."""
        return self.backbone.kind == "vit-tokens"

    @property
    def num_tokens(self) -> int:
        """Tokens that the state consists of; 1 where it is one vector."""
        return self.state_dim // self.token_dim if self.has_tokens else 1

    def seen_shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a stored frame as the trained layers see it: images are reduced.

        Raises:
            ValueError: If images of that shape do not suit the reduction.
        """
        if len(stored) != 3:
            return stored
        height, width, colours = stored
        return build_reduction(self.backbone).shape((height, width, colours))


def fitted(
    config: JEPAConfig, streams: Mapping[str, tuple[int, ...]], action_dim: int
) -> JEPAConfig:
    """The same model for these streams and actions.

    A state of tokens gets its size from the images: an image has a token per patch, a
    flat stream is one more.

    Args:
        config: Everything else.
        streams: Stored shape of each stream.
        action_dim: Numbers in the action of one model step.

    Raises:
        ValueError: If there are to be tokens and no stream has images.
    """
    config = replace(config, streams=dict(streams), action_dim=action_dim)
    if not config.has_tokens:
        return config
    if not any(len(shape) == 3 for shape in streams.values()):
        raise ValueError(
            f"the backbone vit-tokens cuts images into patches, and the streams are "
            f"{sorted(streams)} without images; choose another backbone"
        )
    count = sum(_tokens_of(config, shape) for shape in streams.values())
    return replace(config, state_dim=count * config.token_dim)


def _tokens_of(config: JEPAConfig, stored: tuple[int, ...]) -> int:
    if len(stored) != 3:
        return 1
    height, width, _ = config.seen_shape(stored)
    return (height // config.backbone.patch) * (width // config.backbone.patch)


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """What the dial stands for."""

    state: int
    context: int
    channels: int
    width: int
    tokens: tuple[int, int, int, int]
    """Side of a patch, dimensions of a token, and width and depth of the predictor
    that mixes tokens. Its work grows with the number of patches: few on a laptop."""


_SIZES: dict[Size, _Sizes] = {
    "tiny": _Sizes(state=32, context=16, channels=32, width=256, tokens=(8, 16, 64, 2)),
    "small": _Sizes(
        state=64, context=32, channels=48, width=384, tokens=(4, 16, 128, 3)
    ),
    "base": _Sizes(
        state=128, context=64, channels=96, width=768, tokens=(4, 32, 256, 4)
    ),
}


def sized(
    size: Size,
    backbone: BackboneKind = "keypoints",
    predictor: PredictorKind = "mixture",
    weights: str = "",
) -> JEPAConfig:
    """The configuration of a size, before streams and actions are known.

    Args:
        size: tiny, small or base.
        backbone: Network that looks at images.
        predictor: Network that predicts.
        weights: Where those of the backbone frozen lie.

    Raises:
        ValueError: If there is no such size, or weights are missing, or named for a
            backbone that takes none.
    """
    if size not in _SIZES:
        raise ValueError(f"size {size!r} is unknown; choose one of {sorted(_SIZES)}")
    sizes = _SIZES[size]
    patch, token_dim, token_width, depth = sizes.tokens
    looking = BackboneConfig(
        kind=backbone, channels=sizes.channels, width=sizes.width, weights=weights
    )
    predicting = PredictorConfig(kind=predictor, width=sizes.width)
    if backbone == "vit-tokens":
        looking = replace(looking, patch=patch)
    if predictor == "tokens":
        predicting = replace(predicting, width=token_width, depth=depth)
    return JEPAConfig(
        state_dim=sizes.state,
        context_dim=sizes.context,
        token_dim=token_dim,
        backbone=looking,
        predictor=predicting,
    )
