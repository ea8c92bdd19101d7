"""What an objective sees of a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Views:
    """Predictions, what came instead, and all latents of the batch.

    A batch that several processes share is gathered before it gets here.
    """

    predicted: Float[Tensor, "M D"]
    """Predictions, with gradient."""
    target: Float[Tensor, "M D"]
    """What came: latents of the network that learns, or a teacher's, as
    `Objective.target` says."""
    latents: Float[Tensor, "N D"]
    """All latents of the batch, of the network that learns, with gradient."""
    clips: Int[Tensor, "N"]
    """The clip that a latent belongs to; any whole numbers."""
    pixels: Float[Tensor, "M H W C"] | None = None
    """The pictures that predictions are about, 0 black to 1 full."""
    predicted_clips: Int[Tensor, "M"] | None = None
    """The clip that a prediction belongs to; objectives that compare predictions with
    targets within clips need it."""
    progress: float = 1.0
    """Share of the training that has passed; schedules read it."""

    def __post_init__(self) -> None:
        if self.predicted.ndim != 2 or self.predicted.shape != self.target.shape:
            raise ValueError(
                f"predictions {tuple(self.predicted.shape)} and targets "
                f"{tuple(self.target.shape)} have to be of one shape (M, D)"
            )
        if self.latents.ndim != 2 or self.latents.shape[1] != self.predicted.shape[1]:
            raise ValueError(
                f"latents {tuple(self.latents.shape)} have to be (N, D) with the D of "
                f"the predictions, {self.predicted.shape[1]}"
            )
        if min(len(self.predicted), len(self.latents)) < 2:
            raise ValueError(
                f"{len(self.predicted)} predictions and {len(self.latents)} latents; "
                "statistics of a batch need at least 2 of each"
            )
        self._require_rows("clips", self.clips, len(self.latents))
        for name in ("pixels", "predicted_clips"):
            self._require_rows(name, getattr(self, name), len(self.predicted))

    def _require_rows(self, name: str, rows: Tensor | None, count: int) -> None:
        if rows is not None and len(rows) != count:
            raise ValueError(f"{name} has {len(rows)} rows; {count} were expected")

    def in_full(self) -> Views:
        """The same with halved precision undone; float64 stays float64."""
        return replace(
            self,
            predicted=full(self.predicted),
            target=full(self.target),
            latents=full(self.latents),
            pixels=None if self.pixels is None else full(self.pixels),
        )

    def clips_of_predictions(self) -> Tensor:
        """(M,) clips.

        Raises:
            ValueError: If they were not given.
        """
        if self.predicted_clips is None:
            raise ValueError(
                "within_clip needs Views.predicted_clips: the clip of each prediction"
            )
        return self.predicted_clips


def full(values: Tensor) -> Tensor:
    """Halved precision undone; float64 stays float64."""
    halves = (torch.float16, torch.bfloat16)
    return values.float() if values.dtype in halves else values
