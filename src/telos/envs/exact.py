"""What exact worlds share: dynamics, the true metric as an objective, action units."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.types import Trajectory


class PathObjective:
    """True path length to the goal at every imagined state: the ceiling's metric."""

    name = "path"

    def __init__(self, length: Callable[[np.ndarray], np.ndarray]) -> None:
        """Take a function from states (B, S, K, H, D) to lengths (B, S, K, H)."""
        self._length = length

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Length of the way that is left, in the world's unit of distance."""
        future = trajectory.future
        length = self._length(future.detach().cpu().numpy().astype(np.float64))
        return torch.from_numpy(length).to(future)

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        """The one term under its name."""
        return {self.name: self(trajectory)}


ExactStep = Callable[[Tensor, Tensor], Tensor]
"""From states (..., D) and actions (..., A) in [-1, 1] to the next states, in torch:
the simulation and the exact dynamics of a world call the same function."""


class ExactDynamics:
    """A world's own step as a dynamics, in double precision and differentiable.

    The present state is the newest of the context.
    """

    def __init__(self, step: ExactStep) -> None:
        self._step = step

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """Exact states (B, S, K, H+1, D); all futures are equal, none is random."""
        given, present = actions.double(), state[:, -1:].double()
        states = [present.expand(-1, actions.shape[1], -1)]
        for time in range(actions.shape[2]):
            states.append(self._step(states[-1], given[:, :, time]))
        visited = torch.stack(states, 2)[:, :, None].to(state.dtype)
        return Trajectory(
            states=visited.expand(-1, -1, futures, -1, -1), actions=actions
        )


def to_units(actions: Tensor, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Float64 actions in the world's own units from actions in [-1, 1]."""
    unit = actions.detach().cpu().numpy().astype(np.float64)
    return low + (unit + 1.0) / 2.0 * (high - low)
