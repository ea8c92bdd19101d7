"""Attention between the tokens of a state; action and context steer every block.

Tokens are patches of an image that were never pooled: what moves leaves one token and
enters another, and the network says what becomes of each.

Sources: Zhou et al. 2024, "DINO-WM" (2411.04983), section 3, for a transformer that
predicts patch tokens; Peebles and Xie 2023, "Scalable diffusion models with
transformers" (2212.09748), section 3.2, for adaptive layer norms that start at zero.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention, silu

from telos.world_model.config import PredictorConfig
from telos.world_model.predictors.base import Predictor

HEADS = 4


class TokenPredictor(Predictor):
    """The change of every token, from all tokens of the newest state.

    Every token attends to every other; there is no mask, as all of them are of one
    frame. Velocity has to show in the state (``history`` of the world model). At the
    start of training nothing changes: blocks and output begin at zero.

    Args:
        state: Z, a multiple of ``tokens``.
        context: Dimensions of the context.
        action: Dimensions of an action.
        config: Width and depth.
        tokens: P. Tokens in a state.

    Raises:
        ValueError: If there is one token, or the width suits no four heads.
    """

    memory = 1

    def __init__(
        self,
        state: int,
        context: int,
        action: int,
        config: PredictorConfig,
        tokens: int,
    ) -> None:
        super().__init__(state, context)
        width = config.width
        if tokens < 2:
            raise ValueError(
                "the tokens predictor mixes the tokens of a state, and this state is "
                "one vector; use the backbone vit-tokens, with several patches in an "
                "image, or another predictor"
            )
        if width % HEADS:
            raise ValueError(
                f"predictor.width is {width}, expected a multiple of {HEADS}: the "
                "tokens predictor has so many attention heads"
            )
        self.tokens, token_dim = tokens, state // tokens
        self.embed = nn.Linear(token_dim, width)
        self.position = nn.Parameter(torch.randn(tokens, width))
        self.told = nn.Linear(context + action, width)
        self.blocks = nn.ModuleList(SteeredBlock(width) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, token_dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
    ) -> Float[Tensor, "N Z"]:
        """The next state; sees only the newest one."""
        now = states[:, -1]
        told = silu(self.told(torch.cat([context, actions[:, -1]], -1)))
        return now + self._change(self._embedded(now), told)

    def along(
        self,
        told: Float[Tensor, "N H1 ZCA"],
        luck: Float[Tensor, "N H"] | None = None,
        shared: int = 1,
    ) -> Callable[[int], None]:
        """See `Predictor.along`.

        What candidates have in common, the first state and the context, is embedded
        once for all of them and never copied.
        """
        states, rest = told[..., : self.state], told[:, :, self.state :]
        onto, by = self.told.weight.split(
            [self.context, self.told.in_features - self.context], dim=1
        )
        context = linear(rest[::shared, 0, : self.context], onto, self.told.bias)
        first = self._embedded(states[::shared, 0]).unsqueeze(1)
        actions = rest[..., self.context :].unflatten(0, (-1, shared))

        def step(number: int) -> None:
            now = states[:, number].unflatten(0, (-1, shared))
            tokens = first if number == 0 else self._embedded(now)
            told_now = linear(actions[:, :, number], by).add_(context.unsqueeze(1))
            change = self._change(tokens, silu(told_now, inplace=True))
            torch.add(now, change, out=states[:, number + 1].unflatten(0, (-1, shared)))

        return step

    def _embedded(self, state: Float[Tensor, "*b Z"]) -> Float[Tensor, "*b P W"]:
        return self.embed(state.unflatten(-1, (self.tokens, -1))) + self.position

    def _change(
        self, tokens: Float[Tensor, "*b P W"], told: Float[Tensor, "*b W"]
    ) -> Float[Tensor, "*b Z"]:
        for block in self.blocks:
            tokens = block(tokens, told)
        return self.out(self.norm(tokens)).flatten(-2)


class SteeredBlock(nn.Module):
    """Attention and two layers, shifted, scaled and gated by what it is told.

    Leading axes of tokens may be 1 where those of what is told are not.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.steer = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.steer.weight)
        nn.init.zeros_(self.steer.bias)
        self.asked = nn.Linear(width, 3 * width)
        self.gathered = nn.Linear(width, width)
        self.layers = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(
        self, tokens: Float[Tensor, "*b P W"], told: Float[Tensor, "*b W"]
    ) -> Float[Tensor, "*b P W"]:
        """Tokens after the block."""
        steering = self.steer(told).unsqueeze(-2).chunk(6, dim=-1)
        shift, scale, gate = steering[:3]
        tokens = tokens + gate * self._attention(self._seen(tokens, shift, scale))
        shift, scale, gate = steering[3:]
        return tokens + gate * self.layers(self._seen(tokens, shift, scale))

    def _seen(self, tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        normal = nn.functional.layer_norm(tokens, (self.width,))
        return normal * (1 + scale) + shift

    def _attention(self, seen: Float[Tensor, "*b P W"]) -> Float[Tensor, "*b P W"]:
        asked = self.asked(seen).unflatten(-1, (3, HEADS, -1))
        # (..., P, 3, heads, e) to three times (N, heads, P, e).
        query, key, value = asked.flatten(0, -5).permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(query, key, value)
        return self.gathered(found.transpose(1, 2).reshape(seen.shape))
