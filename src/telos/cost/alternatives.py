"""Any of several goals will do."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from telos.cost.compose import WHOLE, ObjectiveAlgebra
from telos.types import Objective, Trajectory


@dataclass(frozen=True, eq=False)
class AnyOf(ObjectiveAlgebra):
    """The least of several energies, at every predicted state.

    Energies are compared as they are: all of them must be in one unit.

    Raises:
        ValueError: If there is nothing to choose from.
    """

    objectives: tuple[Objective, ...]
    name: str = field(default="any of")

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("any of no objectives; give at least one.")

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        energies = [objective(trajectory) for objective in self.objectives]
        return torch.stack(energies).amin(0)

    @property
    def span(self) -> int:
        return max(
            part.span if isinstance(part, ObjectiveAlgebra) else WHOLE
            for part in self.objectives
        )
