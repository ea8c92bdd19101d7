"""What an agent is after: one wish, any of several, or several in sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from telos.cost.alternatives import AnyOf
from telos.cost.in_sequence import InSequence, still_at
from telos.types import Objective

Several = Literal["any", "sequence"]
"""What several wishes mean: one of them will do, or one after the other."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Wish:
    """One goal."""

    objective: Objective
    """Energy of single states, not negative, lower is better."""
    within: float = 0.0
    """Energy up to which it is fulfilled."""
    unit: str = ""
    """Of the energy; wishes of different units are not compared."""
    state: Float[Tensor, "B D"] | None = None
    """Where routes can lead to, if the wish is to be at a state: one per environment,
    or one for all."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Aim:
    """What a plan is made for."""

    objective: Objective
    goal: Float[Tensor, "B D"] | None = None
    """Where routes lead to; the same tensor for as long as the goal is the same."""


class Pursuit(Protocol):
    """Decides from where an agent is what it aims at."""

    def reset(self) -> None:
        """Start again: new episodes begin."""
        ...

    def aim(self, state: Float[Tensor, "B D"]) -> Aim:
        """What to plan for now; called whenever a plan is made."""
        ...


class GivenAim:
    """The same aim always."""

    def __init__(self, aim: Aim) -> None:
        self._aim = aim

    def reset(self) -> None:
        """Nothing changes."""

    def aim(self, state: Float[Tensor, "B D"]) -> Aim:
        """The one that was given."""
        return self._aim


class Wishes:
    """Pursues wishes, which of them is decided for each environment.

    Args:
        wishes: At least one.
        several: ``any`` pursues the nearest one: where all are states, the one that is
            nearest when the pursuit begins, and else whatever is nearest along a plan.
            ``sequence`` pursues one after the other and stays at the last one.
        weigh: Makes what a plan costs of the energies of single states.

    Raises:
        ValueError: If there are none, or several of different units will do.
    """

    def __init__(
        self,
        wishes: Sequence[Wish],
        several: Several = "any",
        weigh: Callable[[Objective], Objective] = lambda objective: objective,
    ) -> None:
        if not wishes:
            raise ValueError("nothing is wished for; give at least one goal")
        units = sorted({wish.unit for wish in wishes})
        if several == "any" and len(units) > 1:
            raise ValueError(
                f"goals in {' and '.join(map(repr, units))} cannot be compared, so "
                "that none of them is the nearest; give goals of one kind, or pursue "
                "them in sequence"
            )
        self.wishes, self.several = tuple(wishes), several
        self._weigh = weigh
        self.reset()

    def reset(self) -> None:
        """Start again with the first one, or with the choice of the nearest."""
        self._sequence = InSequence(
            tuple(wish.objective for wish in self.wishes),
            tuple(wish.within for wish in self.wishes),
        )
        self._chosen: Tensor | None = None
        self._goal: Tensor | None = None

    @property
    def stage(self) -> Tensor:
        """(B,) which wish is due in a sequence, or was chosen of any.

        Raises:
            ValueError: Before the first call of `aim`.
        """
        if self._chosen is None:
            raise ValueError("nothing has been chosen yet; call aim first.")
        return self._chosen

    @torch.no_grad()
    def aim(self, state: Float[Tensor, "B D"]) -> Aim:
        """What to plan for from where the environments are."""
        if self.several == "any":
            objective = self._any(state)
        else:
            self._sequence = objective = self._sequence.advanced(state)
            self._choose(self._sequence.stage)
        return Aim(objective=self._weigh(objective), goal=self._goal_of(state))

    def _any(self, state: Tensor) -> Objective:
        if self._chosen is None or len(self._chosen) != len(state):
            energies = [w.objective(still_at(state))[:, 0, 0, 0] for w in self.wishes]
            self._choose(torch.stack(energies).argmin(0))
        if len(self.wishes) == 1:
            return self.wishes[0].objective
        return AnyOf(tuple(wish.objective for wish in self.wishes))

    def _choose(self, chosen: Tensor | None) -> None:
        """Forget the goal state if another wish is due anywhere."""
        assert chosen is not None
        if self._chosen is None or not torch.equal(self._chosen, chosen):
            self._goal = None
        self._chosen = chosen

    def _goal_of(self, state: Tensor) -> Tensor | None:
        """(B, D) the states that are due, if all that is due are states."""
        due = [self.wishes[number] for number in self.stage.tolist()]
        if any(wish.state is None for wish in due):
            return None
        if self._goal is None:
            rows = [
                wish.state.expand(len(state), -1)[b]
                for b, wish in enumerate(due)
                if wish.state is not None
            ]
            self._goal = torch.stack(rows)
        return self._goal
