"""A batch of clips as it was seen: what the objective and the diagnostics look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from telos.learning.diagnostics import effective_rank, within_share
from telos.learning.objectives import Objective, Views


@dataclass(frozen=True, kw_only=True)
class Sight:
    """N latents of each of B clips, and M predictions in all."""

    features: Float[Tensor, "B N D"]
    """Latents before they are standardised, without gradient."""
    latents: Float[Tensor, "B N D"]
    predicted: Float[Tensor, "M D"]
    target: Float[Tensor, "M D"]
    still: Float[Tensor, "M D"]
    """What would be predicted by who knows nothing of the clip's motion."""
    clips: Int[Tensor, "M"]
    """The clip that a prediction belongs to."""
    pixels: Float[Tensor, "M H W C"] | None = None
    """Pictures that predictions are about, for objectives that look at them."""

    def views(self, progress: float = 1.0) -> Views:
        """What the objective sees."""
        count, each = self.latents.shape[:2]
        owners = torch.arange(count, device=self.latents.device)
        return Views(
            predicted=self.predicted,
            target=self.target,
            latents=self.latents.flatten(0, 1),
            clips=owners.repeat_interleave(each),
            predicted_clips=self.clips,
            pixels=self.pixels,
            progress=progress,
        )


@torch.no_grad()
def skill(objective: Objective, sight: Sight) -> float:
    """1 - surprise / surprise of `Sight.still`, in the objective's own space."""
    was_training = objective.training
    objective.eval()
    error, same = (
        objective.surprise(told.detach(), sight.target.detach(), sight.pixels).mean()
        for told in (sight.predicted, sight.still)
    )
    objective.train(was_training)
    return float(1 - error / same.clamp_min(1e-12))


def measured(objective: Objective, sight: Sight) -> Mapping[str, float]:
    """How far latents are from collapse, and predictions from knowing nothing."""
    latents = sight.latents.detach()
    std = latents.flatten(0, 1).std(dim=0)
    return {
        "std_min": float(std.min()),
        "std_mean": float(std.mean()),
        "feature_std": float(sight.features.flatten(0, 1).std(dim=0).mean()),
        "effective_rank": effective_rank(latents.flatten(0, 1)),
        "within_share": within_share(latents),
        "prediction_skill": skill(objective, sight),
    }
