"""All streams of an observation at once, with history."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.perception.backbone import Backbone, BackboneConfig, build_backbone
from telos.perception.vector import VectorEncoder
from telos.types import Observation

Shapes = Mapping[str, tuple[int, ...]]
Part = Backbone | VectorEncoder


class ObservationEncoder(nn.Module):
    """Features (B, T, F) of observation streams (B, T, ...).

    Image streams (H, W, C), already down-sampled, go through a backbone, flat streams
    through a small network; the features are joined. With ``history`` h above 1 the
    last h frames are seen together, which shows velocity; before the first frame of a
    sequence stands the first frame again.

    Args:
        shapes: Shape of each stream without batch and time.
        config: The image network.
        history: Frames seen together.
    """

    def __init__(
        self, shapes: Shapes, config: BackboneConfig, *, history: int = 1
    ) -> None:
        super().__init__()
        self.shapes, self.history = dict(shapes), history
        parts = {n: self._part(shape, config) for n, shape in sorted(shapes.items())}
        self.parts = nn.ModuleDict(parts)
        self.width = sum(part.width for part in parts.values())
        self.layout = [
            (part.num_tokens, part.width // part.num_tokens) for part in parts.values()
        ]
        """Tokens of each stream and features of each, in the order that they leave."""

    def forward(self, observation: Observation) -> Float[Tensor, "B T F"]:
        """Features of every frame."""
        features = [
            self._features(name, part, observation[name])
            for name, part in self.parts.items()
        ]
        return torch.cat(features, dim=-1)

    def _part(self, shape: tuple[int, ...], config: BackboneConfig) -> Part:
        if len(shape) == 3:
            height, width, colours = shape
            return build_backbone(config, (height, width, colours * self.history))
        if len(shape) != 1:
            raise ValueError(
                f"a stream has frames of shape {shape}; expected images (H, W, C) or "
                "flat numbers (d,). Choose other streams, or record it in such a shape"
            )
        return VectorEncoder(shape[0] * self.history)

    def _features(self, name: str, part: nn.Module, stream: Tensor) -> Tensor:
        if tuple(stream.shape[2:]) != self.shapes[name]:
            raise ValueError(
                f"stream {name!r} has frames of shape {tuple(stream.shape[2:])}, this "
                f"model was built for {self.shapes[name]}"
            )
        stacked = with_history(stream, self.history)
        return part(stacked.flatten(0, 1)).unflatten(0, stream.shape[:2])


def with_history(stream: Tensor, history: int) -> Tensor:
    """(B, T, ..., C) frames to (B, T, ..., history*C), newest last."""
    if history == 1:
        return stream
    first = stream[:, :1].expand(-1, history - 1, *stream.shape[2:])
    padded = torch.cat([first, stream], dim=1)
    length = stream.shape[1]
    shifted = [padded[:, i : i + length] for i in range(history)]
    return torch.cat(shifted, dim=-1)
