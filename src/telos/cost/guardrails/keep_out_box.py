"""Stay out of an axis-aligned box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from telos.cost.guardrails.base import PhysicalGuardrail, require_point
from telos.cost.guardrails.geometry import distance_to_box


@dataclass(frozen=True, kw_only=True, eq=False)
class KeepOutBox(PhysicalGuardrail):
    """Margin: signed distance from the path of a step to the box. Exact.

    Inside, it is minus the distance to the nearest face.
    """

    kind: ClassVar[str] = "keep-out-box"

    low: tuple[float, ...]
    """Corner with the smallest numbers, in the read-out's unit."""
    high: tuple[float, ...]
    """Corner with the largest numbers, in the read-out's unit."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_point("low", self.low, self.readout)
        require_point("high", self.high, self.readout)
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(
                f"the box from {self.low} to {self.high} is empty; every number of "
                "low must be smaller than that of high."
            )

    def _path_margin(self, start: Tensor, end: Tensor) -> Tensor:
        low, high = start.new_tensor(self.low), start.new_tensor(self.high)
        return distance_to_box(start, end, low, high)

    def _default_name(self) -> str:
        low = ", ".join(f"{value:g}" for value in self.low)
        high = ", ".join(f"{value:g}" for value in self.high)
        return f"{self.kind} ({low}) to ({high})"
