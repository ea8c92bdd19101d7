"""A condition as an objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from telos.cost.compose import ObjectiveAlgebra
from telos.cost.conditions.condition import Condition, Reading, Readings
from telos.cost.conditions.parser import parse_condition
from telos.cost.readout import ReadOut
from telos.types import Trajectory

ERROR = "q90"
"""Held-out error of a read-out that is both the unit of a depth and the room that is
kept: 9 of 10 states that seem to fulfil a condition by that much do."""


@dataclass(frozen=True, eq=False)
class ConditionGoal(ObjectiveAlgebra):
    """How far predicted states are from fulfilling a condition; 0 where they do.

    Distances are in units of the read-out's error (of the quantity itself, where it is
    read exactly), so that quantities of different units can be added.
    """

    condition: Condition
    readouts: Mapping[str, ReadOut]
    name: str = "condition"

    @classmethod
    def of(
        cls,
        text: str,
        readouts: Mapping[str, ReadOut],
        definitions: Mapping[str, Condition] | None = None,
    ) -> ConditionGoal:
        """The goal that a text describes, see `parse_condition`."""
        return cls(parse_condition(text, readouts, definitions), readouts, text)

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        return self.condition.depth(self._readings(trajectory.future))

    def holds(self, states: Float[Tensor, "*b D"]) -> Bool[Tensor, "*b"]:
        """Whether states fulfil the condition, with room for the read-out's error."""
        return self.condition.depth(self._readings(states)) <= 0

    def _readings(self, states: Float[Tensor, "*b D"]) -> Readings:
        return {
            name: Reading(
                values=readout(states),
                scale=readout.errors.get(ERROR, 0.0) or 1.0,
                room=readout.errors.get(ERROR, 0.0),
            )
            for name, readout in self.readouts.items()
        }
