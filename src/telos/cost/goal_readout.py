"""Distance to a goal in physical units, read out of the latent state."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from telos.cost.compose import ObjectiveAlgebra
from telos.cost.latent_goal import per_environment
from telos.cost.readout import ReadOut
from telos.types import Trajectory


@dataclass(frozen=True, eq=False)
class GoalReadout(ObjectiveAlgebra):
    """Squared distance between a read-out and its target, in units of `scale`.

    Args:
        readout: Latent to quantity.
        target: (B, q) wanted value per environment in the read-out's unit, or (1, q).
        scale: Distance in that unit whose energy is 1.
    """

    readout: ReadOut
    target: Float[Tensor, "B q"]
    scale: float = 1.0
    name: str = "goal"

    def __post_init__(self) -> None:
        expected = self.readout.num_outputs
        if self.target.ndim != 2 or self.target.shape[1] != expected:
            raise ValueError(
                f"target has shape {tuple(self.target.shape)}, expected (B, "
                f"{expected}) for {self.readout.name!r} in {self.readout.unit!r}."
            )
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scale is a positive distance, not {self.scale}.")

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        target = per_environment(self.target, trajectory, self.name)
        offset = (self.readout(trajectory.future) - target) / self.scale
        return offset.square().sum(-1)
