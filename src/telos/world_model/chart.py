"""A chart: coordinates of states in which an action is a displacement.

Distances in latent space vary tenfold, since an encoder stretches some places and
squeezes others. In a chart a step of full speed has length one wherever it is made, so
that "how many steps lie between these two states" is a distance where nothing stands
in between. The critic's targets are found with it, and routes tell places apart by it.

The changes are differences of one function of the state, and so add up: what inverse
dynamics say of one step, a chart says of many. They add up within an episode: a state
carries a trace of what is around it, and with it the coordinates of another episode
are shifted, in two rooms by up to two steps.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

CHANGE_SCALE = 10.0
"""States have about unit variance and change by a tenth of it per step."""
VARIANCE_FLOOR = 1e-3
"""Smallest variance of an action that a network may claim; actions lie in [-1, 1]."""


class Chart(nn.Module):
    """States to coordinates whose differences are actions.

    Where the agent pushes against a wall no action is a displacement. A second network
    says how much each transition tells, so that such steps do not bend the chart.
    """

    def __init__(self, state_dim: int, action_dim: int, width: int) -> None:
        super().__init__()
        self.state_dim, self.action_dim, self.width = state_dim, action_dim, width
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

    def description(self) -> dict[str, Any]:
        """What rebuilds the network, as plain data."""
        return {
            "state_dim": self.state_dim,
            "action_dim": self.action_dim,
            "width": self.width,
        }

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
