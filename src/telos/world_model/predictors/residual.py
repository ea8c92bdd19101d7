"""The change of the state, by a small network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from telos.world_model.config import PredictorConfig
from telos.world_model.predictors.base import Predictor
from telos.world_model.predictors.layers import hidden, hidden_layers, weights_of


class ResidualPredictor(Predictor):
    """The change of the state, by a small network."""

    memory = 1

    def __init__(self, state: int, context: int, action: int, config: PredictorConfig):
        super().__init__(state, context)
        width, inputs = config.width, state + context + action
        layers = hidden_layers(inputs, width, config.depth)
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

    def along(
        self,
        told: Float[Tensor, "N H1 ZCA"],
        luck: Float[Tensor, "N H"] | None = None,
        shared: int = 1,
    ) -> Callable[[int], None]:
        """See `Predictor.along`."""
        *inner, last = weights_of(self.change)
        states, rows = told[..., : self.state].unbind(1), told.unbind(1)

        def step(number: int) -> None:
            change = linear(hidden(rows[number], inner), *last)
            torch.add(states[number], change, out=states[number + 1])

        return step
