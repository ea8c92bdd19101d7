"""Small networks that read features, initialised from a generator alone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

WIDTH = 64
"""Hidden units of the network, and of the query of an attentive probe."""


def hidden_layer(
    inputs: int, outputs: int, generator: torch.Generator
) -> nn.Sequential:
    """A network with one hidden layer."""
    net = nn.Sequential(nn.Linear(inputs, WIDTH), nn.SiLU(), nn.Linear(WIDTH, outputs))
    for layer in (net[0], net[2]):
        assert isinstance(layer, nn.Linear)
        _draw(layer, generator)
    return net


class Attentive(nn.Module):
    """One learned query looks over the tokens, a linear layer reads what it found.

    Attention chooses what to read: a mean over tokens blurs what one of them says.
    One head of the attentive probe of V-JEPA (2404.08471), without the hidden layer
    behind it.

    Args:
        inputs: D of a token.
        outputs: Numbers or classes.
        generator: Decides the start.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.key, self.value = nn.Linear(inputs, WIDTH), nn.Linear(inputs, WIDTH)
        self.read = nn.Linear(WIDTH, outputs)
        for layer in (self.key, self.value, self.read):
            _draw(layer, generator)
        self.query = nn.Parameter(torch.randn(WIDTH, generator=generator))

    def forward(self, tokens: Float[Tensor, "N L D"]) -> Float[Tensor, "N q"]:
        """What the query reads of the tokens."""
        shares = torch.softmax(self.key(tokens) @ self.query / WIDTH**0.5, dim=1)
        return self.read((shares.unsqueeze(-1) * self.value(tokens)).sum(dim=1))


def _draw(layer: nn.Linear, generator: torch.Generator) -> None:
    bound = layer.in_features**-0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.zeros_(layer.bias)
