"""Recipes: a full configuration per size, so that one word is enough to start."""

from __future__ import annotations

from dataclasses import replace

from telos.config import Size
from telos.learning.config import DecoderConfig, TrainConfig
from telos.world_model import sized

STEPS: dict[Size, tuple[int, int, int, int]] = {
    "tiny": (2700, 3000, 1000, 3000),
    "small": (8000, 8000, 2000, 10000),
    "base": (40000, 40000, 4000, 40000),
}
"""Steps of representation, dynamics, chart and critic."""

DECODER_STEPS: dict[Size, int] = {"tiny": 2000, "small": 5000, "base": 20000}


def decoder_recipe(size: Size, effort: float = 1.0) -> DecoderConfig:
    """Settings of a decoder, for a size that `recipe` knows."""
    return DecoderConfig(steps=max(1, round(effort * DECODER_STEPS[size])))


def recipe(size: Size, effort: float = 1.0) -> TrainConfig:
    """The configuration of a size.

    Args:
        size: tiny, small or base.
        effort: Multiplies the steps of every phase.

    Raises:
        ValueError: If the size is unknown or the effort not positive.
    """
    if effort <= 0:
        raise ValueError(f"effort is {effort}, expected more than 0")
    model = sized(size)
    steps = [max(1, round(effort * count)) for count in STEPS[size]]
    config = TrainConfig(data="", size=size, model=model)
    return replace(
        config,
        representation=replace(config.representation, steps=steps[0]),
        dynamics=replace(config.dynamics, steps=steps[1]),
        chart=replace(config.chart, steps=steps[2]),
        critic=replace(config.critic, steps=steps[3]),
    )
