"""Keep a quantity between two values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from telos.cost.guardrails.base import PhysicalGuardrail


@dataclass(frozen=True, kw_only=True, eq=False)
class Bound(PhysicalGuardrail):
    """Margin: distance of the quantity to the nearer limit, over the path of a step.

    The quantity is taken to change linearly within a step, so that its extremes are at
    the ends. If it has several numbers, each of them is bounded, or one `component`.
    """

    kind: ClassVar[str] = "bound"

    low: float | None = None
    """Smallest value allowed, in the read-out's unit; None for no lower limit."""
    high: float | None = None
    """Largest value allowed, in the read-out's unit; None for no upper limit."""
    component: int | None = None
    """Which number of the quantity is bounded; None for all of them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = [limit for limit in (self.low, self.high) if limit is not None]
        if not limits or not all(math.isfinite(limit) for limit in limits):
            raise ValueError(
                f"low is {self.low} and high is {self.high}; expected at least one "
                "finite limit."
            )
        if len(limits) == 2 and limits[0] >= limits[1]:
            raise ValueError(f"low {self.low} must be smaller than high {self.high}.")
        if self.component is not None and not (
            0 <= self.component < self.readout.num_outputs
        ):
            raise ValueError(
                f"component is {self.component}, but {self.readout.name!r} has numbers "
                f"0 to {self.readout.num_outputs - 1}."
            )

    def _path_margin(self, start: Tensor, end: Tensor) -> Tensor:
        return torch.minimum(self._point_margin(start), self._point_margin(end))

    def _point_margin(self, values: Tensor) -> Tensor:
        if self.component is not None:
            values = values[..., self.component : self.component + 1]
        above = values - self.low if self.low is not None else torch.inf
        below = self.high - values if self.high is not None else torch.inf
        margin = torch.minimum(
            torch.as_tensor(above, device=values.device),
            torch.as_tensor(below, device=values.device),
        )
        return margin.amin(-1)

    def _default_name(self) -> str:
        which = "" if self.component is None else f"[{self.component}]"
        low = "" if self.low is None else f"{self.low:g} < "
        high = "" if self.high is None else f" < {self.high:g}"
        return f"{self.kind} {low}{self.readout.name}{which}{high}"
