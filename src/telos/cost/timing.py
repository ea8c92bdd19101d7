"""When an objective counts: at the end of the plan, or all along it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from telos.cost.compose import WHOLE, ObjectiveAlgebra, last_transitions, parts_of
from telos.types import Objective, Trajectory


@dataclass(frozen=True, eq=False)
class Terminal(ObjectiveAlgebra):
    """Only the last predicted state counts; earlier energies are zero.

    The wrapped objective is evaluated on the end of the trajectory alone, which makes a
    costly one (a critic) H times cheaper than `Running`.
    """

    objective: Objective
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"terminal {self.objective.name}")

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        end = self.objective(last_transitions(self.objective, trajectory))
        return self._only_last(end, trajectory)

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        ends = self.objective.terms(last_transitions(self.objective, trajectory))
        return {
            f"terminal {name}": self._only_last(end, trajectory)
            for name, end in ends.items()
        }

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(f"terminal {name}" for name in parts_of(self.objective))

    def _only_last(self, end: Tensor, trajectory: Trajectory) -> Tensor:
        energy = end.new_zeros(trajectory.future.shape[:-1])
        energy[..., -1] = end[..., -1]
        return energy


@dataclass(frozen=True, eq=False)
class Running(ObjectiveAlgebra):
    """A weighted average over the steps, so that the cost does not grow with H.

    Step h has a weight proportional to `growth ** h`: 1 weighs all alike, more than 1
    weighs late steps more (towards `Terminal`), less than 1 discounts them.
    """

    objective: Objective
    growth: float = 1.0
    name: str = field(init=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.growth) and self.growth > 0):
            raise ValueError(f"growth is a positive number, not {self.growth}.")
        object.__setattr__(self, "name", f"running {self.objective.name}")

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        return self._weigh(self.objective(trajectory))

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        return {
            f"running {name}": self._weigh(energy)
            for name, energy in self.objective.terms(trajectory).items()
        }

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(f"running {name}" for name in parts_of(self.objective))

    @property
    def span(self) -> int:
        return WHOLE

    def _weigh(self, energy: Tensor) -> Tensor:
        steps = torch.arange(energy.shape[-1], device=energy.device)
        # In logarithms: growth ** h of a long horizon would overflow before the ratio.
        weights = torch.softmax(steps.to(energy.dtype) * math.log(self.growth), dim=0)
        return energy * weights
