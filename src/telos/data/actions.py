"""Actions between the environment's units and [-1, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from telos.envs.world import WorldSpec

Array = TypeVar("Array", np.ndarray, torch.Tensor)


@dataclass(frozen=True, eq=False)
class ActionScale:
    """The linear map between an action's bounds and [-1, 1].

    Raises:
        ValueError: If the bounds are not finite, or low is not below high.
    """

    low: np.ndarray
    """(A,) environment units."""
    high: np.ndarray
    """(A,) environment units."""

    def __post_init__(self) -> None:
        low, high = np.asarray(self.low, float), np.asarray(self.high, float)
        if low.ndim != 1 or low.shape != high.shape:
            raise ValueError(
                f"action bounds have shapes {low.shape} and {high.shape}, "
                "expected (A,) for both"
            )
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise ValueError(
                f"action bounds {low} to {high} are not finite; give the world finite "
                "bounds, since actions are scaled to [-1, 1]"
            )
        if (low >= high).any():
            raise ValueError(f"action bounds: low {low} must be below high {high}")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @classmethod
    def of_spec(cls, spec: WorldSpec, frame_skip: int = 1) -> ActionScale:
        """The scale of a world's actions, or of blocks of ``frame_skip`` of them."""
        low, high = np.asarray(spec.action_low), np.asarray(spec.action_high)
        return cls(np.tile(low, frame_skip), np.tile(high, frame_skip))

    def to_unit(self, actions: Array) -> Array:
        """(..., A) environment units to [-1, 1]; what lies outside stays outside."""
        low, high = self._like(actions, self.low), self._like(actions, self.high)
        return (actions - low) / (high - low) * 2 - 1

    def from_unit(self, actions: Array) -> Array:
        """(..., A) in [-1, 1] to environment units; what lies outside stays outside.

        Each half is measured from its own end, for that keeps every number of [-1, 1]
        between the bounds, rounding included, and meets them at -1 and 1. A weighted
        mean of the two bounds does not: it may leave them by one rounding.
        """
        low, high = self._like(actions, self.low), self._like(actions, self.high)
        width = high - low
        above, below = low + (actions + 1) / 2 * width, high - (1 - actions) / 2 * width
        choose: Any = torch.where if isinstance(actions, torch.Tensor) else np.where
        return choose(actions < 0, above, below)

    def to_dict(self) -> dict[str, list[float]]:
        """Plain data, for a checkpoint."""
        return {"low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_dict(cls, fields: dict[str, list[float]]) -> ActionScale:
        return cls(np.asarray(fields["low"]), np.asarray(fields["high"]))

    @staticmethod
    def _like(actions: Array, bound: np.ndarray) -> Array:
        """A bound in the type, dtype and device of the actions."""
        if isinstance(actions, torch.Tensor):
            return torch.as_tensor(bound, dtype=actions.dtype, device=actions.device)
        return bound.astype(actions.dtype)
