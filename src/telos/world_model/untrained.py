"""A world model that has learned nothing: the control of what training is good for."""

from __future__ import annotations

import torch

from telos.perception.vector import VectorEncoder
from telos.world_model.jepa import JEPA


def untrained(model: JEPA, seed: int) -> JEPA:
    """A model of the same architecture with random weights.

    Vectors come in scaled as in the trained model, for the scale of a sensor is no
    achievement of training. Latents come out as the network makes them: their scale is
    left to whoever reads them. The global random state stays as it is.

    Args:
        model: The trained one; it stays as it is.
        seed: Decides the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        fresh = JEPA(model.config, model.action_scale)
    pairs = zip(model.perception.modules(), fresh.perception.modules(), strict=True)
    for trained, random in pairs:
        if isinstance(trained, VectorEncoder) and isinstance(random, VectorEncoder):
            random.standardise(trained.mean.cpu(), trained.scale.cpu())
    return fresh.to(model.device).eval().requires_grad_(False)
