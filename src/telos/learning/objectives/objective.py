"""What a world model that watches minimises, and what surprises it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.learning.objectives.views import Views, full

Target = Literal["online", "stopped", "ema", "frozen", "pixels"]
"""Where targets come from: the network that learns, with or without gradient; a teacher
that follows it, or a frozen one; or the pictures themselves."""


class Objective(nn.Module, ABC):
    """A weighted sum of terms, each comparable between batch sizes and widths.

    Everything is computed in float32 at least, also under autocast: squares and
    exponentials of half precision overflow where latents are still harmless.

    Attributes:
        target: What `Views.target` has to hold; `pixels` wants `Views.pixels`.
        dear: Whether a prediction costs so much, or so much is compared with each
            other, that one frame ahead is drawn for each frame in place of all.
        weights: Weight of each term that `terms` returns.
    """

    target: Target = "online"
    dear: bool = False

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.weights = dict(weights)

    @abstractmethod
    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """Unweighted terms by name."""

    @abstractmethod
    def errors(
        self,
        predicted: Float[Tensor, "M D"],
        target: Float[Tensor, "M D"],
        pixels: Float[Tensor, "M H W C"] | None = None,
    ) -> Float[Tensor, "M"]:
        """What `surprise` returns."""

    def forward(
        self, views: Views, draw: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss, and its unweighted parts without gradient for the log.

        Args:
            views: Of a whole batch.
            draw: Source of random directions; of the CPU.
        """
        with torch.autocast(views.predicted.device.type, enabled=False):
            found = self.terms(views.in_full(), draw)
            loss = sum(
                (self.weights[name] * value for name, value in found.items()),
                views.predicted.new_zeros((), dtype=torch.float32),
            )
        return loss, {name: value.detach() for name, value in found.items()}

    def surprise(
        self,
        predicted: Float[Tensor, "M D"],
        target: Float[Tensor, "M D"],
        pixels: Float[Tensor, "M H W C"] | None = None,
    ) -> Float[Tensor, "M"]:
        """The error of each prediction in this objective's own space.

        Independent of what else is in the batch, once `eval()` was called.
        """
        with torch.autocast(predicted.device.type, enabled=False):
            shown = None if pixels is None else full(pixels)
            return self.errors(full(predicted), full(target), shown)

    def fit(self, frames: Float[Tensor, "F H W C"], draw: torch.Generator) -> None:
        """Learn what has to be known of pictures before training begins.

        Called once, with pictures of the training set, 0 to 1. Most objectives need
        nothing.
        """
