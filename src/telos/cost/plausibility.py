"""Does a predicted state look like one that was ever observed?

A planner finds the actions for which its world model is wrong: pushed against a wall
for some steps, one imagined agent in eight comes out on the other side. On its way it
passes states that no recording holds, and that can be recognised.

Source: LeCun 2022, section 4.1 (energy as compatibility); Goodfellow et al. 2014
(1406.2661, section 4.1) for the density ratio that the network learns.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from telos.cost.compose import WHOLE, ObjectiveAlgebra
from telos.types import Trajectory

LARGEST = 6.0
"""Implausibility of a single state that counts at most."""


class PlausibilityNetwork(nn.Module):
    """Log-odds that a latent was observed rather than imagined.

    Args:
        latent_dim: Dimensions D of a latent.
        width: Hidden units.
    """

    def __init__(self, latent_dim: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 1),
        )

    def forward(self, latent: Float[Tensor, "*b D"]) -> Float[Tensor, "*b"]:
        """Log-odds, high for what was observed."""
        return self.layers(latent).squeeze(-1)


@dataclass(frozen=True, eq=False)
class Plausibility(ObjectiveAlgebra):
    """How far predicted states are from anything observed, added up along the plan.

    It adds up because whatever follows an impossible state is not to be believed
    either, however plausible it looks.
    """

    network: PlausibilityNetwork
    threshold: float
    """Log-odds below which a state counts as implausible."""
    name: str = "plausibility"

    @property
    def span(self) -> int:
        """It reads the whole plan."""
        return WHOLE

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Energy of every predicted state; zero while all are plausible."""
        missing = self.threshold - self.network(trajectory.future)
        return missing.clamp(0, LARGEST).cumsum(-1)
