"""When an objective counts: at the end of the plan, or all along it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

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
        return _only_last(end, trajectory.actions.shape[2])

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        ends = self.objective.terms(last_transitions(self.objective, trajectory))
        steps = trajectory.actions.shape[2]
        return {f"terminal {n}": _only_last(end, steps) for n, end in ends.items()}

    @property
    def source(self) -> Objective:
        return self.objective

    def weighed(self, energy: Float[Tensor, "B S K H"]) -> Float[Tensor, "B S K H"]:
        return _only_last(energy, energy.shape[-1])

    def weighed_terms(self, terms: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return {f"terminal {n}": self.weighed(energy) for n, energy in terms.items()}

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(f"terminal {name}" for name in parts_of(self.objective))


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
        return self.weighed(self.objective(trajectory))

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        return self.weighed_terms(self.objective.terms(trajectory))

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(f"running {name}" for name in parts_of(self.objective))

    @property
    def span(self) -> int:
        return WHOLE

    @property
    def source(self) -> Objective:
        return self.objective

    def weighed(self, energy: Float[Tensor, "B S K H"]) -> Float[Tensor, "B S K H"]:
        return energy * _weights(energy.shape[-1], self.growth).to(energy)

    def weighed_terms(self, terms: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return {f"running {n}": self.weighed(energy) for n, energy in terms.items()}


def _only_last(energy: Tensor, steps: int) -> Float[Tensor, "B S K H"]:
    """Zeros for all steps but the last, which is the last of the energies."""
    alone = energy.new_zeros(*energy.shape[:-1], steps)
    alone[..., -1] = energy[..., -1]
    return alone


@lru_cache(maxsize=32)
def _weights(steps: int, growth: float) -> Float[Tensor, " H"]:
    """One weight per step, proportional to ``growth ** h``; they sum to one."""
    # In logarithms: growth ** h of a long horizon would overflow before the ratio.
    exponents = torch.arange(steps, dtype=torch.float32) * math.log(growth)
    return torch.softmax(exponents, dim=0)
