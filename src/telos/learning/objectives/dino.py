"""DINO: predictions sort latents by prototypes the way a teacher does."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from telos.learning.losses.dino import (
    cross_entropies,
    entropies,
    sharpened,
    temperature_at,
)
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.views import Views


class Dino(Objective):
    """Cross-entropy of the teacher's and the predictions' shares of prototypes.

    One set of unit prototypes, learned through the predictions alone, serves both sides
    (as in MSN, 2204.07141); DINO itself has the teacher follow with a slow copy. The
    centre is a running mean of the teacher's cosines and part of the state.

    Args:
        config: Whose prediction weight, prototypes, temperatures and centre are read.
        dim: D of latents.
    """

    target = "ema"
    dear = True
    centre: Tensor

    def __init__(self, config: ObjectiveConfig, dim: int) -> None:
        super().__init__({"prediction": config.prediction})
        self.temperature, self.kept = config.temperature, config.centre
        self.teacher_temperature = config.teacher_temperature
        self.warmup = config.teacher_warmup
        self.prototypes = nn.Parameter(torch.randn(config.prototypes, dim))
        self.register_buffer("centre", torch.zeros(config.prototypes))

    def terms(self, views: Views, draw: torch.Generator) -> Mapping[str, Tensor]:
        """The cross-entropy, which the teacher's own entropy bounds from below."""
        student, teacher = self._cosines(views.predicted, views.target)
        heat = temperature_at(*self.teacher_temperature, self.warmup, views.progress)
        shares = sharpened(teacher, self.centre, heat)
        error = cross_entropies(student, shares, self.temperature).mean()
        if self.training:
            self.centre.lerp_(teacher.mean(dim=0).to(self.centre), 1 - self.kept)
        return {"prediction": error}

    def errors(
        self, predicted: Tensor, target: Tensor, pixels: Tensor | None = None
    ) -> Tensor:
        """Kullback-Leibler divergence of the prediction's shares from the teacher's."""
        student, teacher = self._cosines(predicted, target)
        shares = sharpened(teacher, self.centre, self.teacher_temperature[1])
        crossed = cross_entropies(student, shares, self.temperature)
        return crossed - entropies(shares)

    def _cosines(self, predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """(M, K) of predictions, and of targets without gradient."""
        prototypes = normalize(self.prototypes, dim=1)
        student = normalize(predicted, dim=1) @ prototypes.T
        teacher = normalize(target.detach(), dim=1) @ prototypes.detach().T
        return student, teacher
