"""The algebra of objectives: `goal + 0.1 * effort` is an objective again.

Only objectives have it. A guardrail is not an objective: it has no weight and no sum.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from telos.types import Objective, Trajectory

WHOLE = sys.maxsize
"""Span of an objective that does not say what it reads: everything."""


class ObjectiveAlgebra(ABC):
    """Soft costs: a subclass gives `name` and `__call__`, and can be weighted."""

    name: str

    @abstractmethod
    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Energy of every predicted state, lower is better."""

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        """Unweighted energy of every named part."""
        return {self.name: self(trajectory)}

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts, the keys of `terms`."""
        return (self.name,)

    @property
    def span(self) -> int:
        """Transitions that the energy of one step reads; 1 for most."""
        return 1

    def __add__(self, other: Objective) -> Sum:
        return Sum((self, other))

    def __radd__(self, other: Objective) -> Sum:
        return Sum((other, self))

    def __mul__(self, weight: float) -> Scaled:
        return Scaled(self, weight)

    __rmul__ = __mul__


@dataclass(frozen=True, eq=False)
class Sum(ObjectiveAlgebra):
    """Several objectives at once; their parts keep their names.

    Raises:
        ValueError: If there is nothing to add, or two parts share a name.
    """

    objectives: tuple[Objective, ...]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("a Sum of no objectives; give at least one.")
        flat = [leaf for part in self.objectives for leaf in _flatten(part)]
        object.__setattr__(self, "objectives", tuple(flat))
        object.__setattr__(self, "name", " + ".join(part.name for part in flat))
        _require_distinct(self.parts)

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        total = self.objectives[0](trajectory)
        for objective in self.objectives[1:]:
            total = total + objective(trajectory)
        return total

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        gathered: dict[str, Tensor] = {}
        for objective in self.objectives:
            gathered.update(objective.terms(trajectory))
        return gathered

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(name for part in self.objectives for name in parts_of(part))

    @property
    def span(self) -> int:
        return max(_span_of(part) for part in self.objectives)


@dataclass(frozen=True, eq=False)
class Scaled(ObjectiveAlgebra):
    """An objective times a weight. `terms` stays unweighted, to be comparable."""

    objective: Objective
    weight: float
    name: str = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.weight, bool) or not isinstance(self.weight, (int, float)):
            raise TypeError(f"a weight is a number, not {type(self.weight).__name__}.")
        if not math.isfinite(self.weight):
            raise ValueError(
                f"weight {self.weight} of {self.objective.name!r}: not finite."
            )
        object.__setattr__(self, "name", self.objective.name)

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        return self.weight * self.objective(trajectory)

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        return self.objective.terms(trajectory)

    @property
    def parts(self) -> tuple[str, ...]:
        return parts_of(self.objective)

    @property
    def span(self) -> int:
        return _span_of(self.objective)


def parts_of(objective: Objective) -> tuple[str, ...]:
    """Names under which an objective reports its terms."""
    if isinstance(objective, ObjectiveAlgebra):
        return objective.parts
    return (objective.name,)


def last_transitions(objective: Objective, trajectory: Trajectory) -> Trajectory:
    """The shortest end of a trajectory that decides an objective's last energy."""
    span = min(_span_of(objective), trajectory.actions.shape[2])
    states, actions = trajectory.states, trajectory.actions
    return Trajectory(
        states=states[..., -span - 1 :, :], actions=actions[..., -span:, :]
    )


def _span_of(objective: Objective) -> int:
    return objective.span if isinstance(objective, ObjectiveAlgebra) else WHOLE


def _flatten(objective: Objective) -> tuple[Objective, ...]:
    return objective.objectives if isinstance(objective, Sum) else (objective,)


def _require_distinct(names: tuple[str, ...]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"two objectives are called {', '.join(twice)}; their terms could not be "
            "told apart. Give one of them another name=."
        )
