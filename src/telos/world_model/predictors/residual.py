"""The change of the state, by a small network."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.world_model.config import PredictorConfig
from telos.world_model.predictors.base import Predictor


class ResidualPredictor(Predictor):
    """The change of the state, by a small network."""

    memory = 1

    def __init__(self, state: int, context: int, action: int, config: PredictorConfig):
        super().__init__()
        width = config.width
        layers: list[nn.Module] = [
            nn.Linear(state + context + action, width),
            nn.SiLU(),
        ]
        for _ in range(config.depth - 1):
            layers += [nn.Linear(width, width), nn.SiLU()]
        self.change = nn.Sequential(*layers, nn.Linear(width, state))

    def forward(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
    ) -> Float[Tensor, "N Z"]:
        """The next state; sees only the newest one."""
        now = states[:, -1]
        return now + self.change(torch.cat([now, context, actions[:, -1]], -1))
