"""Your own dynamics: a function from states and actions to the next states."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from telos.types import Trajectory

Step = Callable[[Float[Tensor, "N D"], Float[Tensor, "N A"]], Float[Tensor, "N D"]]
"""One model step of N states at once; actions are in [-1, 1]."""


class FunctionDynamics:
    """Imagines with a function; differentiable where the function is.

    Args:
        step: From states (N, D) and actions (N, A) in [-1, 1] to the next states.
            It must treat rows independently: a plan must not depend on its neighbours.
    """

    def __init__(self, step: Step) -> None:
        self.step = step

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """States (B, S, K, H+1, D); all futures are equal, none is random.

        Raises:
            ValueError: If the function returns another shape than it was given.
        """
        batch, samples, horizon, _ = actions.shape
        now = state[:, -1:].expand(-1, samples, -1).flatten(0, 1)
        given = actions.flatten(0, 1)
        states = [now]
        for time in range(horizon):
            after = self.step(states[-1], given[:, time])
            if after.shape != now.shape:
                raise ValueError(
                    f"the dynamics returned shape {tuple(after.shape)} for states of "
                    f"shape {tuple(now.shape)}; expected one next state per state."
                )
            states.append(after)
        visited = torch.stack(states, 1).view(batch, samples, 1, horizon + 1, -1)
        return Trajectory(
            states=visited.expand(-1, -1, futures, -1, -1), actions=actions
        )
