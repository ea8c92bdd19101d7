"""Phase 3: telling observed states from imagined ones, on frozen latents.

What the predictor gets right cannot be told apart; what remains is where it is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from telos.cost.plausibility import PlausibilityNetwork
from telos.data.recording import Recording
from telos.learning.config import PlausibilityConfig
from telos.learning.latents import LATENT
from telos.world_model import JEPA

WANDER = 0.4
"""Standard deviation of an action around the one that its imagined future keeps to.
Planners propose persistent actions; independent ones would hardly move."""


class PlausibilityPhase:
    """What trains the network that recognises impossible states."""

    name = "plausibility"

    def __init__(
        self,
        network: PlausibilityNetwork,
        model: JEPA,
        latents: Recording,
        config: PlausibilityConfig,
        *,
        seed: int = 0,
    ) -> None:
        self.network, self.config = network, config
        self._model, self._seed = model, seed
        self._latents = latents.observations[LATENT]
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.batch * config.length

    def parameters(self) -> list[nn.Parameter]:
        """The network's; the world model stays as it is."""
        return list(self.network.parameters())

    def after_step(self, step: int) -> Mapping[str, float]:
        """Nothing follows a step."""
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Cross-entropy of observed against imagined states."""
        rng = np.random.default_rng((self._seed, step, 3))
        imagined = self._imagined(rng)
        observed = self._observed(rng, len(imagined))
        real, dreamt = self.network(observed), self.network(imagined)
        loss = softplus(-real).mean() + softplus(dreamt).mean()
        told = ((real > 0).float().mean() + (dreamt < 0).float().mean()) / 2
        return loss, {"told_apart": told.detach()}

    def _observed(self, rng: np.random.Generator, count: int) -> Float[Tensor, "N D"]:
        rows = rng.integers(0, len(self._latents), count)
        device = next(self.network.parameters()).device
        return torch.from_numpy(self._latents[rows]).to(device)

    @torch.no_grad()
    def _imagined(self, rng: np.random.Generator) -> Float[Tensor, "N D"]:
        """Every state of futures that begin at observed ones."""
        count, steps = self.config.batch, self.config.length
        start = self._observed(rng, count)
        size = (count, steps, self._model.config.action_dim)
        kept = rng.normal(size=(count, 1, size[-1]))
        actions = np.clip(kept + WANDER * rng.normal(size=size), -1, 1)
        told = torch.from_numpy(actions.astype(np.float32)).to(start.device)
        states = self._model.imagine(start, told)[:, 1:]
        _, context = self._model.split(start)
        carried = context.unsqueeze(1).expand(-1, steps, -1)
        return torch.cat([states, carried], dim=-1).flatten(0, 1)
