"""Inverse dynamics: which action led from one state to the next?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from telos.learning.losses.regression import gaussian_misfit
from telos.world_model.chart import CHANGE_SCALE, VARIANCE_FLOOR


class InverseDynamics(nn.Module):
    """A head that recovers the action between two states; used in training only.

    With a random layout per episode, this term is what makes the encoder look at what
    the agent controls (EB-JEPA 2602.03604: success 97 with it, 1 without). The head
    also says how sure it is. Where the agent pushes against a wall no state tells the
    action; under a plain squared error these steps outweigh all others after a few
    hundred steps, and the states get no more precise.
    """

    def __init__(self, state_dim: int, action_dim: int, width: int = 128) -> None:
        super().__init__()
        self.action_dim = action_dim
        self.linear = nn.Linear(state_dim, action_dim)
        self.layers = nn.Sequential(
            nn.Linear(2 * state_dim, width), nn.GELU(), nn.Linear(width, 2 * action_dim)
        )
        # Displacements explain most actions: the network starts as the linear part.
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)

    def forward(
        self, state: Float[Tensor, "B T1 Z"], actions: Float[Tensor, "B T A"]
    ) -> Float[Tensor, ""]:
        """Mean negative log-likelihood of the actions, without its constant."""
        mean, variance = self.recover(state)
        return gaussian_misfit(mean - actions, variance)

    def recover(
        self, state: Float[Tensor, "B T1 Z"]
    ) -> tuple[Float[Tensor, "B T A"], Float[Tensor, "B T A"]]:
        """Recovered actions, and the variance of their errors."""
        change = CHANGE_SCALE * (state[:, 1:] - state[:, :-1])
        told = self.layers(torch.cat([state[:, :-1], change], dim=-1))
        correction, spread = told.split(self.action_dim, dim=-1)
        return self.linear(change) + correction, VARIANCE_FLOOR + softplus(spread - 1)
