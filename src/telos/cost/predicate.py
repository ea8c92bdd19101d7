"""A goal as a function of one's own over read-outs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.cost.compose import ObjectiveAlgebra
from telos.cost.readout import ReadOut
from telos.types import Trajectory

Predicate = Callable[[Mapping[str, Tensor]], Tensor]
"""From quantities, name -> (..., q) in their units, to (...): whether it holds (bool),
or by how much (> 0 holds, in any one unit)."""


@dataclass(frozen=True, eq=False)
class PredicateGoal(ObjectiveAlgebra):
    """Energy 0 where the predicate holds.

    Elsewhere it is 1, or the depth by which the predicate fails if it says so. A depth
    leads a search to the goal; a bare yes or no is found only by chance, and is better
    added to an objective that shows the way.

    Args:
        predicate: Batched over any leading shape.
        readouts: What it is told, by name.

    Raises:
        ValueError: If it returns another shape than one number per state.
    """

    predicate: Predicate
    readouts: Mapping[str, ReadOut]
    name: str = "predicate"

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        future = trajectory.future
        values = {name: readout(future) for name, readout in self.readouts.items()}
        said = self.predicate(values)
        if not isinstance(said, Tensor) or said.shape != future.shape[:-1]:
            found = tuple(said.shape) if isinstance(said, Tensor) else type(said)
            raise ValueError(
                f"the predicate {self.name!r} returned {found} for states of shape "
                f"{tuple(future.shape[:-1])}; expected a tensor with one entry per "
                "state: reduce the last axis of each quantity, for example with "
                "values['position'][..., 0] > 3"
            )
        if said.dtype == torch.bool:
            return (~said).to(future.dtype)
        return (-said).clamp_min(0.0)
