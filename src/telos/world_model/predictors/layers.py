"""Linear and SiLU layers, for training and for imagining thousands of plans."""

from __future__ import annotations

from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, silu


def hidden_layers(inputs: int, width: int, depth: int) -> list[nn.Module]:
    """`depth` linear layers, each with a SiLU after it."""
    layers: list[nn.Module] = [nn.Linear(inputs, width), nn.SiLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.SiLU()]
    return layers


def weights_of(layers: Iterable[nn.Module]) -> list[tuple[Tensor, Tensor]]:
    """Matrix and offset of every linear layer, to be looked up once and used often."""
    return [(x.weight, x.bias) for x in layers if isinstance(x, nn.Linear)]


def hidden(
    given: Float[Tensor, "N I"], weights: Iterable[tuple[Tensor, Tensor]]
) -> Float[Tensor, "N W"]:
    """What `hidden_layers` compute, in place and so without gradients."""
    for weight, bias in weights:
        given = silu(linear(given, weight, bias), inplace=True)
    return given
