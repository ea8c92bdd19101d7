"""What acting costs."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from telos.cost.compose import ObjectiveAlgebra
from telos.types import Trajectory


@dataclass(frozen=True, eq=False)
class Effort(ObjectiveAlgebra):
    """Mean square of the normalised action: 0 at rest, 1 at full deflection."""

    name: str = "effort"

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        energy = trajectory.actions.square().mean(-1)
        return energy[:, :, None].expand(trajectory.future.shape[:-1])
