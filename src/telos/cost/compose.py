"""The algebra of objectives: `goal + 0.1 * effort` is an objective again.

Only objectives have it. A guardrail is not an objective: it has no weight and no sum.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections import Counter
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

    @property
    def source(self) -> Objective | None:
        """Whose energies this one only weighs over the steps of a plan, if it does.

        A sum of several that weigh the same one evaluates that one once.
        """
        return None

    def weighed(self, energy: Float[Tensor, "B S K H"]) -> Float[Tensor, "B S K H"]:
        """What it makes of the energies of its source."""
        return energy

    def weighed_terms(self, terms: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """What it makes of the terms of its source."""
        return terms

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
    _shared: tuple[Objective, ...] = field(init=False, repr=False)
    """Those that more than one part weighs."""

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("a Sum of no objectives; give at least one.")
        flat = [leaf for part in self.objectives for leaf in _flatten(part)]
        object.__setattr__(self, "objectives", tuple(flat))
        object.__setattr__(self, "name", " + ".join(part.name for part in flat))
        sources = [source for part in flat if (source := source_of(part)) is not None]
        counts = Counter(map(id, sources))
        shared = {id(x): x for x in sources if counts[id(x)] > 1}
        object.__setattr__(self, "_shared", tuple(shared.values()))
        _require_distinct(self.parts)

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        known = {id(source): source(trajectory) for source in self._shared}
        total = None
        for part in self.objectives:
            source = source_of(part)
            if isinstance(part, ObjectiveAlgebra) and id(source) in known:
                energy = part.weighed(known[id(source)])
            else:
                energy = part(trajectory)
            total = energy if total is None else total + energy
        assert total is not None
        return total

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        known = {id(source): source.terms(trajectory) for source in self._shared}
        gathered: dict[str, Tensor] = {}
        for part in self.objectives:
            source = source_of(part)
            if isinstance(part, ObjectiveAlgebra) and id(source) in known:
                gathered.update(part.weighed_terms(known[id(source)]))
            else:
                gathered.update(part.terms(trajectory))
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

    @property
    def source(self) -> Objective | None:
        return source_of(self.objective)

    def weighed(self, energy: Float[Tensor, "B S K H"]) -> Float[Tensor, "B S K H"]:
        assert isinstance(self.objective, ObjectiveAlgebra)
        return self.weight * self.objective.weighed(energy)

    def weighed_terms(self, terms: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        assert isinstance(self.objective, ObjectiveAlgebra)
        return self.objective.weighed_terms(terms)


def parts_of(objective: Objective) -> tuple[str, ...]:
    """Names under which an objective reports its terms."""
    if isinstance(objective, ObjectiveAlgebra):
        return objective.parts
    return (objective.name,)


def source_of(objective: Objective) -> Objective | None:
    """Whose energies an objective only weighs over the steps, if it does."""
    return objective.source if isinstance(objective, ObjectiveAlgebra) else None


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
