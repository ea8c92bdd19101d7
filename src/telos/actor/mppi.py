"""MPPI: every candidate counts, the cheaper the more.

Plans are drawn around a mean, and the mean moves to their average, weighted with

    w = exp(-(cost - lowest cost) / (temperature * spread)),

where spread is the standard deviation of the candidates' costs: the temperature
divides, and has no unit. Towards 0 only the cheapest counts (argmin), towards infinity
all count alike. Published code disagrees about this number: some multiplies, some
divides, in the unit of the cost.

Source: Williams et al. 2017, "Information Theoretic MPC for Model-Based Reinforcement
Learning". Difference: a mean is a new candidate and is evaluated like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.gaussian import Gaussian, seed_plans
from telos.actor.scoring import search_energy
from telos.actor.search import Search, SearchConfig, require_positive
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


@dataclass(frozen=True, kw_only=True)
class MPPIConfig(SearchConfig):
    """How MPPI searches. Actions are normalised to [-1, 1]."""

    temperature: float = 0.1
    """In standard deviations of the candidates' costs."""
    sigma: float = 0.5
    """Standard deviation of the noise; it does not shrink."""
    penalty: float = 1.0
    """Price of a violation while searching, see `search_energy`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(temperature=self.temperature, sigma=self.sigma)


class MPPI:
    """Model-predictive path integral control."""

    def __init__(self, config: MPPIConfig | None = None) -> None:
        self.config = config or MPPIConfig()

    @torch.no_grad()
    def plan(
        self,
        dynamics: Dynamics,
        state: Float[Tensor, "B T D"],
        objective: Objective,
        guardrails: Sequence[Guardrail] = (),
        *,
        init: Float[Tensor, "B H A"] | None = None,
        budget: Budget | None = None,
        generators: Sequence[torch.Generator],
    ) -> Plan:
        """Search and return the best candidate seen; see `telos.types.Planner`."""
        config = self.config
        search = Search.begin(
            config, dynamics, state, objective, guardrails, init, budget, generators
        )
        seeds = seed_plans(state, init, config.horizon, config.action_dim)
        gaussian = Gaussian.around(seeds[:, -1], config.sigma)
        for count in search.rounds(spared=1):
            fresh = gaussian.draw(
                generators, max(count - seeds.shape[1], 0), config.beta
            )
            candidates = search.evaluate(torch.cat([seeds, fresh], dim=1)[:, :count])
            energy = search_energy(candidates.scores, config.penalty)
            weights = path_weights(energy, config.temperature)
            mean = (weights[..., None, None] * candidates.actions).sum(1)
            gaussian, seeds = replace(gaussian, mean=mean), mean[:, None]
        search.evaluate_last(seeds)
        return search.plan()


def path_weights(
    energy: Float[Tensor, "B S"], temperature: float
) -> Float[Tensor, "B S"]:
    """Weights that sum to one; candidates of infinite energy have none.

    Args:
        energy: Costs of candidates; at least one should be finite, else all are equal.
        temperature: In standard deviations of the finite costs.
    """
    known = torch.isfinite(energy)
    count = known.sum(1, keepdim=True).clamp_min(1)
    finite = torch.where(known, energy, 0.0)
    mean = finite.sum(1, keepdim=True) / count
    squares = torch.where(known, energy - mean, 0.0).square()
    spread = (squares.sum(1, keepdim=True) / count).sqrt().clamp_min(1e-12)
    lowest = torch.where(known, energy, torch.inf).amin(1, keepdim=True)
    relative = torch.where(known, (energy - lowest) / (temperature * spread), torch.inf)
    nothing = ~known.any(1, keepdim=True)
    return torch.where(nothing, 0.0, -relative).softmax(1)
