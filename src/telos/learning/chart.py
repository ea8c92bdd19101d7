"""A chart: coordinates of states in which an action is a displacement.

Distances in latent space vary tenfold, since an encoder stretches some places and
squeezes others. In a chart a step of full speed has length one wherever it is made, so
that "how many steps lie between these two states" is a distance where nothing stands
in between. The critic's targets are found with it.

The changes are differences of one function of the state, and so add up: what inverse
dynamics say of one step, a chart says of many.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from telos.data.recording import Recording
from telos.data.windows import WindowSampler
from telos.learning.config import ChartConfig
from telos.learning.latents import LATENT
from telos.learning.losses import gaussian_misfit
from telos.learning.losses.inverse import CHANGE_SCALE, VARIANCE_FLOOR
from telos.world_model import JEPA


class Chart(nn.Module):
    """States to coordinates whose differences are actions.

    Where the agent pushes against a wall no action is a displacement. A second network
    says how much each transition tells, so that such steps do not bend the chart.
    """

    def __init__(self, state_dim: int, action_dim: int, width: int) -> None:
        super().__init__()
        self.state_dim, self.width = state_dim, width
        self.linear = nn.Linear(state_dim, action_dim, bias=False)
        self.bend = nn.Sequential(
            nn.Linear(state_dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, action_dim),
        )
        self.spread = nn.Sequential(
            nn.Linear(2 * state_dim, width), nn.SiLU(), nn.Linear(width, action_dim)
        )

    def forward(self, state: Float[Tensor, "*b Z"]) -> Float[Tensor, "*b A"]:
        """Coordinates, in lengths of an action of size one."""
        return CHANGE_SCALE * self.linear(state) + self.bend(state)

    def errors(
        self, state: Float[Tensor, "B T1 Z"], actions: Float[Tensor, "B T A"]
    ) -> tuple[Float[Tensor, "B T A"], Float[Tensor, "B T A"]]:
        """Displacements minus actions, and the variance that is expected of them."""
        here = self(state)
        change = CHANGE_SCALE * (state[:, 1:] - state[:, :-1])
        spread = self.spread(torch.cat([state[:, :-1], change], dim=-1))
        variance = VARIANCE_FLOOR + softplus(spread - 1)
        return here[:, 1:] - here[:, :-1] - actions, variance


class ChartPhase:
    """What draws the chart, on frozen latents."""

    name = "chart"

    def __init__(
        self,
        chart: Chart,
        model: JEPA,
        latents: Recording,
        config: ChartConfig,
        *,
        seed: int = 0,
    ) -> None:
        self.chart, self.config = chart, config
        self._sampler = WindowSampler(
            latents,
            length=1,
            batch=config.batch,
            frame_skip=model.frame_skip,
            seed=seed,
        )
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.batch

    def parameters(self) -> list[nn.Parameter]:
        """The chart's; the encoder stays as it is."""
        return list(self.chart.parameters())

    def after_step(self, step: int) -> Mapping[str, float]:
        """Nothing follows a step."""
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Mean negative log-likelihood of the actions, without its constant."""
        window = self._sampler.batch(step)
        device = self.chart.linear.weight.device
        state = window.observations[LATENT][..., : self.chart.state_dim].to(device)
        error, variance = self.chart.errors(state, window.actions.to(device))
        typical = error.abs().detach().median()
        return gaussian_misfit(error, variance), {"typical_error": typical}
