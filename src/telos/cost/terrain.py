"""The lie of the land: how far it still is, and which states are the same place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from telos.cost.critic import Network


class Coordinates(Protocol):
    """From states to coordinates in which distances mean something."""

    def __call__(self, state: Float[Tensor, "*b Z"]) -> Float[Tensor, "*b A"]: ...


FARTHEST = 1e-3
"""Nearness below which a discounted distance says "far" and no more."""


@dataclass(frozen=True, eq=False)
class LearnedTerrain:
    """Critic and chart as what a search for routes asks about states."""

    critic: Network
    chart: Coordinates
    discount: float
    """Of the critic's distances, per model step."""
    frame_skip: int = 1
    """Environment steps per model step: each of them is a displacement."""

    def place(self, latent: Float[Tensor, "*b D"]) -> Float[Tensor, "*b A"]:
        """Coordinates; what is one apart is one model step at full speed apart."""
        places = self.chart(latent[..., : self.critic.state_dim])
        return places / self.frame_skip**0.5

    def steps(
        self, latent: Float[Tensor, "B N D"], goal: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B N"]:
        """Model steps from each state to the goal of its environment."""
        nearness = 1 - self.critic.to_goals(latent, goal[:, : self.critic.state_dim])
        return torch.log(nearness.clamp_min(FARTHEST)) / math.log(self.discount)
