"""Dynamics, objective and guardrails as a cost model of stable-worldmodel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.scoring import Scores, score
from telos.adapters.stable_worldmodel.protocol import (
    Info,
    constraints_from,
    without_candidates,
)
from telos.data.actions import ActionScale
from telos.types import Dynamics, Guardrail, Objective


@dataclass(frozen=True, kw_only=True, eq=False)
class ImaginedCost:
    """What candidates cost, and how far they stay from what is forbidden.

    Candidates are clipped to their bounds before they are imagined: several solvers of
    stable-worldmodel ignore the bounds, and an action that cannot be executed has no
    cost of its own. Cost and constraints are asked for one by one, which takes two
    rollouts where telos takes one.
    """

    dynamics: Dynamics
    objective: Callable[[Info], Objective]
    """What is wanted, from the (B, ...) info of the environments."""
    guardrails: Sequence[Guardrail] = ()
    state: str = "state"
    """Name under which the info holds the encoded context (B, T, D), newest last."""
    scale: ActionScale | None = None
    """Units of the candidates; None if they are in [-1, 1] already."""
    futures: int = 1
    """Latent draws K per candidate."""
    futures_seed: int = 0
    """All candidates face the same draws."""
    tail: float = 0.0
    """Share of the futures, the worst ones, whose mean margin counts; 0 is the worst
    one."""

    def get_cost(
        self, info_dict: Info, action_candidates: Float[Tensor, "B S H A"]
    ) -> Float[Tensor, "B S"]:
        """Energy summed over steps, mean over futures; infinite if unknown."""
        return self._scores(info_dict, action_candidates).cost

    def criterion(
        self, info_dict: Info, action_candidates: Float[Tensor, "B S H A"]
    ) -> Float[Tensor, "B S"]:
        """The same: nothing is left in the info that could be judged later."""
        return self.get_cost(info_dict, action_candidates)

    def get_constraints(
        self, info_dict: Info, action_candidates: Float[Tensor, "B S H A"]
    ) -> Float[Tensor, "B S C"]:
        """One constraint per guardrail and step, in the guardrail's unit.

        Below zero where the margin is above zero; infinite if unknown. C is 0 without
        guardrails.
        """
        along = self._scores(info_dict, action_candidates).along
        return constraints_from(along).flatten(2)

    def _scores(self, info: Info, candidates: Tensor) -> Scores:
        known = without_candidates(info)
        if self.state not in known:
            raise ValueError(
                f"the info has no {self.state!r}, only {sorted(known)}; encode the "
                "observations first and hand the latent context over under this name."
            )
        state = known[self.state]
        scaled = candidates if self.scale is None else self.scale.to_unit(candidates)
        trajectory = self.dynamics.rollout(
            state,
            scaled.clamp(-1.0, 1.0),
            futures=self.futures,
            generator=torch.Generator(state.device).manual_seed(self.futures_seed),
        )
        return score(trajectory, self.objective(known), self.guardrails, self.tail)
