"""Causal attention over the imagined past."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.world_model.config import PredictorConfig
from telos.world_model.predictors.base import Predictor


class TransformerPredictor(Predictor):
    """Causal attention over the newest ``memory`` states and actions.

    One token holds a state and the action that leaves it; the token of the newest state
    gives the change.
    """

    memory = 4

    def __init__(self, state: int, context: int, action: int, config: PredictorConfig):
        super().__init__(state, context)
        width = config.width
        self.embed = nn.Linear(state + context + action, width)
        self.age = nn.Parameter(0.02 * torch.randn(self.memory, width))
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(
            layer, config.depth, enable_nested_tensor=False
        )
        self.out = nn.Linear(width, state)

    def forward(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
    ) -> Float[Tensor, "N Z"]:
        """The next state from the newest ``memory`` ones."""
        states, actions = states[:, -self.memory :], actions[:, -self.memory :]
        length = states.shape[1]
        told = context.unsqueeze(1).expand(-1, length, -1)
        tokens = self.embed(torch.cat([states, told, actions], -1))
        # Ages count back from the newest token, so that a short past looks the same.
        tokens = tokens + self.age[-length:]
        # Only the newest token is read, and nothing lies after it: no mask is needed.
        return states[:, -1] + self.out(self.blocks(tokens)[:, -1])
