"""A network that latents are seen through while they are trained, and not later."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Expander(nn.Module):
    """Linear layers with BatchNorm and ReLU between them.

    Source: VICReg (2105.04906, section 4.2).

    Args:
        dim: D of latents.
        width: Of every layer.
        depth: Linear layers.

    Raises:
        ValueError: If width or depth is not positive.
    """

    def __init__(self, dim: int, width: int, depth: int) -> None:
        super().__init__()
        if width < 1 or depth < 1:
            raise ValueError(
                f"an expander of width {width} and depth {depth} is none; both have to "
                "be at least 1 (expander_width 0 leaves it out)"
            )
        layers: list[nn.Module] = []
        for _ in range(depth - 1):
            layers += [nn.Linear(dim, width, bias=False), nn.BatchNorm1d(width)]
            layers += [nn.ReLU()]
            dim = width
        self.layers = nn.Sequential(*layers, nn.Linear(dim, width, bias=False))

    def forward(self, z: Float[Tensor, "N D"]) -> Float[Tensor, "N E"]:
        """Expanded latents."""
        return self.layers(z)


def expander(dim: int, width: int, depth: int) -> nn.Module:
    """An expander, or nothing where the width is 0."""
    return Expander(dim, width, depth) if width else nn.Identity()


def seen_through(network: nn.Module, parts: Sequence[Tensor]) -> Sequence[Tensor]:
    """Several batches in one pass, so that all are standardised alike."""
    return network(torch.cat(list(parts))).split([len(part) for part in parts])
