"""A gated recurrent cell."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.world_model.config import PredictorConfig
from telos.world_model.predictors.base import Predictor


class RecurrentPredictor(Predictor):
    """A gated recurrent cell whose hidden state is the state itself.

    Source: Cho et al. 2014; used as a latent predictor by EB-JEPA (2602.03604).
    """

    memory = 1

    def __init__(self, state: int, context: int, action: int, config: PredictorConfig):
        super().__init__(state, context)
        self.embed = nn.Sequential(nn.Linear(action + context, config.width), nn.SiLU())
        self.cell = nn.GRUCell(config.width, state)
        self.out = nn.Linear(state, state)

    def forward(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
    ) -> Float[Tensor, "N Z"]:
        """The next state; sees only the newest one."""
        now = states[:, -1]
        told = self.embed(torch.cat([actions[:, -1], context], -1))
        # The cell's output lies in (-1, 1) around its gates; the linear layer restores
        # the range of the state.
        return now + self.out(self.cell(told, now) - now)
