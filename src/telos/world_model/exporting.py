"""Encoder and predictor as plain functions of tensors, for those without telos.

Each of them is a module that `torch.export` can trace: no branches on data, no numpy, a
free batch size. Observations and actions are as they were recorded; scaling is inside.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.world_model.jepa import JEPA


class Encode(nn.Module):
    """From frames of every stream, in the order of ``names``, to the newest latent.

    Streams are (B, history, ...) as recorded, oldest first.
    """

    def __init__(self, model: JEPA) -> None:
        super().__init__()
        self.model = model
        self.names = sorted(model.config.streams)
        if model.config.backbone.kind == "frozen":
            raise ValueError(
                "this run sees through a frozen network that is not its own and is not "
                "exported with it; export a run with another backbone"
            )

    def forward(self, *streams: Tensor) -> Float[Tensor, "B D"]:
        factor = self.model.config.backbone.downsample
        seen = {
            name: averaged(stream, factor) if stream.ndim == 5 else stream
            for name, stream in zip(self.names, streams, strict=True)
        }
        return self.model.encode_prepared(seen)[:, -1]


class Predict(nn.Module):
    """From latents (B, D) and one action each to the next latents (B, D)."""

    def __init__(self, model: JEPA) -> None:
        super().__init__()
        self.rollout = Rollout(model)

    def forward(
        self, latent: Float[Tensor, "B D"], action: Float[Tensor, "B A"]
    ) -> Float[Tensor, "B D"]:
        return self.rollout(latent, action[:, None])[:, 1]


class Rollout(nn.Module):
    """From latents (B, D) and actions (B, H, A) to latents (B, H+1, D).

    Actions are in the units of the recording, those of one model step (`frame_skip`
    steps of the recording) side by side; the present comes first in what is imagined.
    """

    low: Tensor
    high: Tensor

    def __init__(self, model: JEPA) -> None:
        super().__init__()
        self.model = model
        scale = model.action_scale
        for name, bound in (("low", scale.low), ("high", scale.high)):
            self.register_buffer(name, torch.as_tensor(bound, dtype=torch.float32))

    def forward(
        self, latent: Float[Tensor, "B D"], actions: Float[Tensor, "B H A"]
    ) -> Float[Tensor, "B H1 D"]:
        taken = (actions - self.low) / (self.high - self.low) * 2 - 1
        state, context = self.model.split(latent)
        states, memory = [state], self.model.predictor.memory
        for step in range(actions.shape[1]):
            first = max(0, step + 1 - memory)
            past = torch.stack(states[first:], dim=1)
            seen = taken[:, first : step + 1]
            states.append(self.model.predictor(past, context, seen))
        carried = context.unsqueeze(1).expand(-1, len(states), -1)
        return torch.cat([torch.stack(states, dim=1), carried], dim=-1)


def averaged(pixels: Tensor, factor: int) -> Tensor:
    """`telos.perception.transforms.downsample` in torch, number for number.

    Args:
        pixels: (B, T, H, W, C) uint8.
        factor: Divides H and W.
    """
    if factor == 1:
        return pixels
    height, width = pixels.shape[2] // factor, pixels.shape[3] // factor
    blocks = pixels.to(torch.int32).unflatten(2, (height, factor))
    blocks = blocks.unflatten(4, (width, factor))
    total = blocks.sum((3, 5), dtype=torch.int32)
    half = factor**2 // 2
    return torch.div(total + half, factor**2, rounding_mode="floor").to(torch.uint8)
