"""Phase 3: the chart, from which action led from one state to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from telos.data.recording import Recording
from telos.data.windows import WindowSampler
from telos.learning.config import ChartConfig
from telos.learning.distributed import ALONE, Team
from telos.learning.latents import LATENT
from telos.learning.losses import gaussian_misfit
from telos.types import Verdict
from telos.world_model import JEPA, Chart

JUDGED = 4096
"""Transitions, and pairs of frames, that a chart is judged by."""
NEAREST = 0.02
"""Share of the pairs that count as sharing a place."""


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
        team: Team = ALONE,
    ) -> None:
        self.chart, self.config = chart, config
        self._sampler = WindowSampler(
            latents,
            length=1,
            batch=config.batch,
            frame_skip=model.frame_skip,
            seed=seed,
            part=team.part(config.batch, "chart.batch"),
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


@dataclass(frozen=True, kw_only=True)
class ChartVerdict:
    """Whether ways may be measured on a chart; 1 is perfect, 0 or less is useless."""

    explained: float
    """Share of a typical action that a displacement accounts for."""
    told_apart: float
    """Share by which states that share a place are closer than others of an episode.
    Where actions accelerate, a chart is one of velocities: states of one velocity share
    a place on it, wherever they are."""

    def settles(self, trusted: float) -> Verdict:
        """The form of learning that suits the critic, and why.

        Args:
            trusted: Share that both have to reach before ways are measured.
        """
        measured = min(self.explained, self.told_apart) >= trusted
        how = "shortest ways" if measured else "temporal differences, and no routes"
        return Verdict(
            name="paths" if measured else "quasimetric",
            text=f"{how}. Displacements explain {self.explained:.0%} of a typical "
            f"action; states of one place are {self.told_apart:.0%} closer than others",
            evidence={"explained": self.explained, "told_apart": self.told_apart},
        )


@torch.no_grad()
def judge_chart(
    chart: Chart, model: JEPA, latents: Recording, *, seed: int = 0
) -> ChartVerdict:
    """Judge a chart on episodes that it was not drawn from."""
    return ChartVerdict(
        explained=_explained(chart, model, latents, seed),
        told_apart=_told_apart(chart, latents, seed),
    )


def _explained(chart: Chart, model: JEPA, latents: Recording, seed: int) -> float:
    """By medians, since a push against a wall displaces nothing anywhere."""
    sampler = WindowSampler(
        latents, length=1, batch=JUDGED, frame_skip=model.frame_skip, seed=seed
    )
    window = sampler.batch(0)
    device = chart.linear.weight.device
    actions = window.actions.to(device)
    state = window.observations[LATENT][..., : chart.state_dim].to(device)
    error, _ = chart.errors(state, actions)
    typical = (actions - actions.flatten(0, 1).median(0).values).abs().median()
    return 1 - float(error.abs().median() / typical.clamp_min(1e-9))


def _told_apart(chart: Chart, latents: Recording, seed: int) -> float:
    """Median distance of the pairs that are nearest on the chart, beside all pairs.

    Pairs lie apart in time, where being close says that the agent has come back.
    """
    rng = np.random.default_rng((seed, 6))
    episode = rng.integers(0, latents.num_episodes, JUDGED)
    length = latents.lengths[episode]
    first = rng.integers(0, length)
    gap = rng.integers((length + 3) // 4, np.maximum(3 * length // 4, 1) + 1)
    within = np.stack([first, (first + gap) % length])
    frames = latents.observations[LATENT][latents.starts[episode] + within]
    states = torch.from_numpy(frames[..., : chart.state_dim])
    places = chart(states.to(chart.linear.weight.device)).cpu()
    away, apart = ((x[0] - x[1]).norm(dim=-1) for x in (places, states))
    nearest = apart[away.argsort()[: max(1, int(NEAREST * JUDGED))]]
    return 1 - float(nearest.median() / apart.median().clamp_min(1e-9))
