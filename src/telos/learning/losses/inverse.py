"""Inverse dynamics: which action led from one state to the next?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class InverseDynamics(nn.Module):
    """A head that recovers the action between two states; used in training only.

    With a random layout per episode, this term is what makes the encoder look at what
    the agent controls (EB-JEPA 2602.03604: success 97 with it, 1 without).
    """

    def __init__(self, state_dim: int, action_dim: int, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * state_dim, width), nn.GELU(), nn.Linear(width, action_dim)
        )

    def forward(
        self, state: Float[Tensor, "B T1 Z"], actions: Float[Tensor, "B T A"]
    ) -> Float[Tensor, ""]:
        """Mean squared error of the recovered actions, which lie in [-1, 1]."""
        pairs = torch.cat([state[:, :-1], state[:, 1:]], dim=-1)
        return (self.layers(pairs) - actions).square().mean()
