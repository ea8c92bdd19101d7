"""Phase 3: the chart, from which action led from one state to the next."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from telos.data.recording import Recording
from telos.data.windows import WindowSampler
from telos.learning.config import ChartConfig
from telos.learning.latents import LATENT
from telos.learning.losses import gaussian_misfit
from telos.world_model import JEPA, Chart


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
