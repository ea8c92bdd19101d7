"""The archive: the best of everything that a planner has evaluated.

A search ends somewhere, and the end of a search is not the best that it has seen. Means
of candidates are worse: the mean of a way left and a way right of an obstacle hits it.
So every evaluated candidate passes through here, and a plan is one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from telos.actor.scoring import Scores, best, choose, take
from telos.types import Trajectory


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """What was done, what was imagined, and what it is worth."""

    actions: Float[Tensor, "B S H A"]
    states: Float[Tensor, "B S K H1 D"]
    scores: Scores

    @property
    def trajectory(self) -> Trajectory:
        return Trajectory(states=self.states, actions=self.actions)

    def detach(self) -> Candidates:
        """The same without a gradient."""
        return Candidates(
            actions=self.actions.detach(),
            states=self.states.detach(),
            scores=self.scores.detach(),
        )

    def take(self, index: Int[Tensor, "B S2"]) -> Candidates:
        """Those at the given positions along S."""
        return Candidates(
            actions=take(self.actions, index),
            states=take(self.states, index),
            scores=self.scores.take(index),
        )

    def replaced(self, where: Bool[Tensor, " B"], other: Candidates) -> Candidates:
        """Those of the other set in some environments."""
        return Candidates(
            actions=choose(where, other.actions, self.actions),
            states=choose(where, other.states, self.states),
            scores=self.scores.replaced(where, other.scores),
        )


class Archive:
    """Takes all candidates, keeps the best one per environment.

    Best is the cheapest feasible one; without any, the one that violates least; one
    with an unknown (not finite) outcome only if there is nothing else.
    """

    def __init__(self) -> None:
        self._best: Candidates | None = None

    def add(self, candidates: Candidates) -> None:
        """Show evaluated candidates to the archive; earlier ones win ties."""
        leader = candidates.take(best(candidates.scores)[:, None])
        if self._best is None:
            self._best = leader
            return
        overtaken = best(self._best.scores.join(leader.scores)) == 1
        if bool(overtaken.any()):
            self._best = self._best.replaced(overtaken, leader)

    @property
    def best(self) -> Candidates:
        """(B, 1, ...): the best candidate of each environment."""
        if self._best is None:
            raise ValueError("the archive is empty; evaluate candidates first.")
        return self._best
