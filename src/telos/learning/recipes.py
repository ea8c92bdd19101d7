"""Recipes: a full configuration per size, so that one word is enough to start."""

from __future__ import annotations

from dataclasses import replace

from telos.config import Size
from telos.learning.config import DecoderConfig, TrainConfig
from telos.perception.backbone import BackboneKind
from telos.world_model import sized
from telos.world_model.config import PredictorKind

STEPS: dict[Size, tuple[int, int, int, int, int, int]] = {
    "tiny": (2700, 800, 3000, 1000, 3000, 3000),
    "small": (8000, 2000, 8000, 2000, 10000, 10000),
    "base": (40000, 8000, 40000, 4000, 40000, 40000),
}
"""Steps of representation, completion, dynamics, chart, critic and habit."""

DECODER_STEPS: dict[Size, int] = {"tiny": 2000, "small": 5000, "base": 20000}

TOKEN_BATCH = 128
"""Windows in a batch of the dynamics where tokens are predicted: a transition is some
thirty times the work of one that is a vector, and four times fewer of them are seen."""


def recipe(
    size: Size,
    effort: float = 1.0,
    *,
    backbone: BackboneKind = "keypoints",
    predictor: PredictorKind = "mixture",
    weights: str = "",
) -> TrainConfig:
    """The configuration of a size.

    Args:
        size: tiny, small or base.
        effort: Multiplies the steps of every phase.
        backbone: Network that looks at images.
        predictor: Network that predicts.
        weights: Where those of the backbone frozen lie.

    Raises:
        ValueError: If the size is unknown, the effort not positive, or weights are
            missing, or named for a backbone that takes none.
    """
    if effort <= 0:
        raise ValueError(f"effort is {effort}, expected more than 0")
    model = sized(size, backbone, predictor, weights)
    steps = [max(1, round(effort * count)) for count in STEPS[size]]
    config = TrainConfig(data="", size=size, model=model)
    return replace(
        config,
        representation=replace(config.representation, steps=steps[0]),
        completion=replace(config.completion, steps=steps[1]),
        dynamics=replace(
            config.dynamics,
            steps=steps[2],
            batch=TOKEN_BATCH if predictor == "tokens" else config.dynamics.batch,
        ),
        chart=replace(config.chart, steps=steps[3]),
        critic=replace(config.critic, steps=steps[4]),
        habit=replace(config.habit, steps=steps[5]),
    )


def decoder_recipe(size: Size, effort: float = 1.0) -> DecoderConfig:
    """Settings of a decoder, for a size that `recipe` knows."""
    return DecoderConfig(steps=max(1, round(effort * DECODER_STEPS[size])))
