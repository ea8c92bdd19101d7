"""Predictors: the next state from states, actions and the episode's context.

All share one call: states (N, T, Z) and actions (N, T, A) newest last, context (N, C),
and give the next state (N, Z). Only the transformer looks further back than one step;
``memory`` says how far.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.world_model.config import PredictorConfig


class ResidualPredictor(nn.Module):
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


class RecurrentPredictor(nn.Module):
    """A gated recurrent cell whose hidden state is the state itself.

    Source: Cho et al. 2014; used as a latent predictor by EB-JEPA (2602.03604).
    """

    memory = 1

    def __init__(self, state: int, context: int, action: int, config: PredictorConfig):
        super().__init__()
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


class TransformerPredictor(nn.Module):
    """Causal attention over the newest ``memory`` states and actions.

    One token holds a state and the action that leaves it; the token of the newest state
    gives the change.
    """

    memory = 4

    def __init__(self, state: int, context: int, action: int, config: PredictorConfig):
        super().__init__()
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


Predictor = ResidualPredictor | RecurrentPredictor | TransformerPredictor


def build_predictor(
    config: PredictorConfig, state: int, context: int, action: int
) -> Predictor:
    """The predictor that a configuration names.

    Raises:
        ValueError: If there is no such predictor.
    """
    makers = {
        "residual": ResidualPredictor,
        "recurrent": RecurrentPredictor,
        "transformer": TransformerPredictor,
    }
    if config.kind not in makers:
        raise ValueError(
            f"predictor {config.kind!r} is unknown; choose one of {sorted(makers)}"
        )
    return makers[config.kind](state, context, action, config)
