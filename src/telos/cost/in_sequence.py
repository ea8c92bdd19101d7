"""Several goals, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from telos.cost.compose import WHOLE, ObjectiveAlgebra
from telos.types import Objective, Trajectory


@dataclass(frozen=True, eq=False)
class InSequence(ObjectiveAlgebra):
    """Goals to be reached in their order; the last one is stayed at.

    The energy of a state is the number of goals behind the one that is due, plus the
    energy e of that one as e / (1 + e). To reach a goal therefore always costs less
    than to stay just in front of it, whatever the units of the goals are. A goal counts
    as reached where the energy of a predicted state is at most its ``within``; what the
    plan reaches on its way is done for the rest of the plan.

    Args:
        objectives: The goals, first one first; energies are not negative.
        within: The energy up to which each of them is reached.
        stage: (B,) how many of them each environment has reached; none by default.

    Raises:
        ValueError: If there are no goals, or not one ``within`` for each.
    """

    objectives: tuple[Objective, ...]
    within: Sequence[float]
    stage: Int[Tensor, " B"] | None = None
    name: str = field(default="in sequence")

    def __post_init__(self) -> None:
        if not self.objectives or len(self.within) != len(self.objectives):
            raise ValueError(
                f"{len(self.objectives)} goals in sequence and {len(self.within)} "
                "numbers that say when they are reached; expected as many of both, and "
                "at least one."
            )

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        total = trajectory.states.new_zeros(trajectory.future.shape[:-1])
        done = torch.ones_like(total, dtype=torch.bool)
        last = len(self.objectives) - 1
        for number, objective in enumerate(self.objectives):
            energy = objective(trajectory).clamp_min(0.0)
            now_done = torch.zeros_like(done)
            if number < last:
                reached = (energy <= self.within[number]) | self._behind(number, energy)
                now_done = (reached & done).cummax(-1).values
            share = torch.where(now_done, 0.0, energy / (1 + energy))
            total = total + torch.where(done, share, 1.0)
            done = now_done
        return total

    @property
    def span(self) -> int:
        return WHOLE

    def advanced(self, state: Float[Tensor, "B D"]) -> Self:
        """The same goals, of which those that are reached in a state lie behind."""
        stage = self._stage(state)
        still = still_at(state)
        for number, objective in enumerate(self.objectives[:-1]):
            here = objective(still)[:, 0, 0, 0] <= self.within[number]
            stage = stage + ((stage == number) & here).long()
        return replace(self, stage=stage)

    def _stage(self, like: Tensor) -> Int[Tensor, " B"]:
        if self.stage is None:
            return torch.zeros(len(like), dtype=torch.long, device=like.device)
        return self.stage

    def _behind(self, number: int, energy: Tensor) -> Tensor:
        """(B, 1, 1, 1) where a goal was reached before the plan begins."""
        return (self._stage(energy) > number)[:, None, None, None]


def still_at(state: Float[Tensor, "B D"]) -> Trajectory:
    """One candidate of one step that stays where it is, to ask for energies of now."""
    states = state[:, None, None, None].expand(-1, 1, 1, 2, -1)
    return Trajectory(states=states, actions=state.new_zeros(len(state), 1, 1, 0))
