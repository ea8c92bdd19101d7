"""Phase 2: the predictor alone, on frozen latents, over a long horizon.

Encoding is nine tenths of the work of a training step. With the latents of all frames
at hand, the predictor sees a hundred times more transitions in the same time.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from telos.data.windows import WindowSampler
from telos.learning.config import DynamicsConfig
from telos.learning.latents import LATENT
from telos.learning.losses import prediction_loss
from telos.world_model import JEPA


class DynamicsPhase:
    """What makes the predictor precise."""

    name = "dynamics"

    def __init__(
        self, model: JEPA, sampler: WindowSampler, config: DynamicsConfig
    ) -> None:
        self.model, self.sampler, self.config = model, sampler, config
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.batch * config.length

    def parameters(self) -> list[nn.Parameter]:
        """The predictor's; the encoder stays as it is."""
        return list(self.model.predictor.parameters())

    def after_step(self, step: int) -> Mapping[str, float]:
        """Nothing follows a step."""
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Mean squared error of states up to ``length`` steps ahead."""
        window = self.sampler.batch(step)
        device = self.model.head.weight.device
        latent = window.observations[LATENT].to(device)
        state, _ = self.model.split(latent)
        moved = self.model.imagine(latent[:, 0], window.actions.to(device))
        loss = prediction_loss(moved[:, 1:], state[:, 1:])
        still = prediction_loss(state[:, :1].expand_as(state[:, 1:]), state[:, 1:])
        return loss, {
            "prediction_skill": (1 - loss / still.clamp_min(1e-12)).detach(),
            "last_step_error": torch.square(moved[:, -1] - state[:, -1])
            .mean()
            .detach(),
        }
