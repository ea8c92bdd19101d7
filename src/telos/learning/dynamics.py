"""Phase 2: the predictor alone, on frozen latents.

Encoding is nine tenths of the work of a training step. With the latents of all frames
at hand, the predictor sees a hundred times more transitions in the same time. One step
ahead comes first: four steps from the start ended at three times the error.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from telos.data.recording import Recording
from telos.data.windows import WindowSampler
from telos.learning.config import DynamicsConfig
from telos.learning.distributed import ALONE, Team
from telos.learning.latents import LATENT
from telos.learning.losses import prediction_loss
from telos.world_model import JEPA


class DynamicsPhase:
    """What makes the predictor precise."""

    name = "dynamics"

    def __init__(
        self,
        model: JEPA,
        latents: Recording,
        config: DynamicsConfig,
        *,
        seed: int = 0,
        team: Team = ALONE,
    ) -> None:
        self.model, self.config, self._seed = model, config, seed
        self._team = team
        self._one = self._sampler(latents, 1, config.batch * config.length)
        self._several = self._sampler(latents, config.length, config.batch)
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.batch * config.length

    def _sampler(self, latents: Recording, length: int, batch: int) -> WindowSampler:
        """This process's part of the windows of so many transitions."""
        return WindowSampler(
            latents,
            length=length,
            batch=batch,
            frame_skip=self.model.frame_skip,
            seed=self._seed,
            part=self._team.part(batch, "dynamics.batch"),
        )

    def parameters(self) -> list[nn.Parameter]:
        """The predictor's; the encoder stays as it is."""
        return list(self.model.predictor.parameters())

    def after_step(self, step: int) -> Mapping[str, float]:
        """Nothing follows a step."""
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Misfit of states one step ahead, later up to ``length`` steps."""
        early = step < self.config.one_step * self.num_steps
        window = (self._one if early else self._several).batch(step)
        device = self.model.device
        latent = window.observations[LATENT].to(device)
        actions = window.actions.to(device)
        measured = self._measure(latent, actions)
        return self.model.mismatch(self._disturbed(latent, step), actions), measured

    def _disturbed(self, latent: Tensor, step: int) -> Tensor:
        """The same windows with noise on the state that imagination starts from.

        Where imagination has erred it goes on from states that no frame encodes to.
        """
        if self.config.noise == 0:
            return latent
        own, _ = self.model.split(latent[:, 0])
        whole = self._team.gather(own)
        draw = torch.Generator().manual_seed(hash((self._seed, step)) % 2**63)
        noise = torch.randn(whole.shape, generator=draw).to(whole)
        part = self._team.part(len(whole), "dynamics.batch")
        disturbed = latent.clone()
        scale = self.config.noise * whole.std(0)
        disturbed[:, 0, : whole.shape[1]] += scale * noise[part]
        return disturbed

    @torch.no_grad()
    def _measure(self, latent: Tensor, actions: Tensor) -> Mapping[str, Tensor]:
        """Squared errors of the imagined way, beside those of standing still."""
        state, _ = self.model.split(latent)
        moved = self.model.imagine(latent[:, 0], actions)
        error = prediction_loss(moved[:, 1:], state[:, 1:])
        still = prediction_loss(state[:, :1].expand_as(state[:, 1:]), state[:, 1:])
        return {
            "prediction_skill": 1 - error / still.clamp_min(1e-12),
            "last_step_error": torch.square(moved[:, -1] - state[:, -1]).mean(),
        }
