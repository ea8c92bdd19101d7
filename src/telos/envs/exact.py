"""What exact worlds share: the true metric as an objective, and action units."""

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


def to_units(actions: Tensor, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Float64 actions in the world's own units from actions in [-1, 1]."""
    unit = actions.detach().cpu().numpy().astype(np.float64)
    return low + (unit + 1.0) / 2.0 * (high - low)
