"""A state of many tokens: how features become tokens, and what standardises them.

Outside, a latent is flat: the tokens of every stream, then the context. Every token of
a stream goes through the same weights and has the same scale, wherever it lies in the
image: an edge where nothing ever happens is not blown up to the size of what moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.world_model.config import JEPAConfig

Layout = Sequence[tuple[int, int]]
"""Tokens of each stream, and features of each of them."""


def token_ends(
    config: JEPAConfig, layout: Layout, eps: float
) -> tuple[TokenHead, TokenNorm]:
    """What makes latents of features, and what standardises them.

    Raises:
        ValueError: If the configured state is not as large as the streams make it.
    """
    counts = [count for count, _ in layout]
    size = sum(counts) * config.token_dim
    if size != config.state_dim:
        raise ValueError(
            f"state_dim is {config.state_dim}; the streams have {sum(counts)} tokens "
            f"of {config.token_dim}, expected {size}. telos.world_model.fitted sets it"
        )
    head = TokenHead(layout, config.token_dim, config.context_dim)
    return head, TokenNorm(counts, config.token_dim, config.context_dim, eps)


class TokenHead(nn.Module):
    """Features to latents: token by token, and the context from all of them.

    Args:
        layout: Tokens and their widths, of each stream.
        token_dim: Numbers that a token keeps.
        context_dim: Numbers of the context, may be 0.
    """

    def __init__(self, layout: Layout, token_dim: int, context_dim: int) -> None:
        super().__init__()
        self.layout = list(layout)
        self.own = nn.ModuleList(nn.Linear(width, token_dim) for _, width in layout)
        features = sum(count * width for count, width in layout)
        self.context = nn.Linear(features, context_dim) if context_dim else None

    def forward(self, features: Float[Tensor, "B T F"]) -> Float[Tensor, "B T D"]:
        """The tokens of all streams, then the context, side by side."""
        streams = features.split([n * width for n, width in self.layout], dim=-1)
        parts = [
            own(stream.unflatten(-1, shape)).flatten(-2)
            for own, stream, shape in zip(self.own, streams, self.layout, strict=True)
        ]
        if self.context is not None:
            parts.append(self.context(features))
        return torch.cat(parts, dim=-1)


class TokenNorm(nn.Module):
    """Batch normalisation without learned scale; tokens of a stream share theirs.

    Args:
        counts: Tokens of each stream.
        token_dim: Numbers of a token.
        context_dim: Numbers of the context, each with a scale of its own.
        eps: Variance below which a dimension is not blown up.
    """

    def __init__(
        self, counts: Sequence[int], token_dim: int, context_dim: int, eps: float
    ) -> None:
        super().__init__()
        self.token_dim = token_dim
        self.sizes = [*(count * token_dim for count in counts), context_dim]
        self.tokens = nn.ModuleList(
            nn.BatchNorm1d(token_dim, eps=eps, affine=False) for _ in counts
        )
        self.context = nn.BatchNorm1d(context_dim, eps=eps, affine=False)

    def forward(self, latent: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Standardised latents."""
        *streams, context = latent.split(self.sizes, dim=-1)
        parts = [
            norm(stream.reshape(-1, self.token_dim)).view(stream.shape)
            for norm, stream in zip(self.tokens, streams, strict=True)
        ]
        return torch.cat([*parts, self.context(context)], dim=-1)
