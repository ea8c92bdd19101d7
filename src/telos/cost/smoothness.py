"""What changing one's mind costs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.cost.compose import ObjectiveAlgebra
from telos.types import Trajectory


@dataclass(frozen=True, eq=False)
class Smoothness(ObjectiveAlgebra):
    """Mean square change of the normalised action from one step to the next.

    Args:
        previous: (B, A) action executed before the plan starts, or None to let the
            first planned action be free.
    """

    previous: Float[Tensor, "B A"] | None = None
    name: str = "smoothness"

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        actions = trajectory.actions
        first = actions[:, :, :1]
        if self.previous is not None:
            first = self.previous[:, None, None].expand_as(first)
        before = torch.cat([first, actions[:, :, :-1]], dim=2)
        energy = (actions - before).square().mean(-1)
        return energy[:, :, None].expand(trajectory.future.shape[:-1])

    @property
    def span(self) -> int:
        return 2
