"""Two beliefs about the same future, for whoever wants to be safe in both."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.types import Dynamics, Trajectory


@dataclass(frozen=True)
class BothBeliefs:
    """What a world model says and what a memory makes of it, side by side.

    Both are futures of the same candidate, so that a guardrail, which takes the worst
    future, holds in both. A memory that believes in a wall which is not there cannot
    make a way look safe that the world model knows to be unsafe.
    """

    world_model: Dynamics
    imagination: Dynamics

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """See `telos.types.Dynamics`; K is twice the number of futures."""
        told = self.world_model.rollout(state, actions, futures, generator)
        known = self.imagination.rollout(state, actions, futures, generator)
        both = torch.cat([told.states, known.states], dim=2)
        return Trajectory(states=both, actions=told.actions)
