"""Stay out of a disc (a ball, if the quantity has more than two numbers)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from telos.cost.guardrails.base import PhysicalGuardrail, require_point
from telos.cost.guardrails.geometry import distance_to_point


@dataclass(frozen=True, kw_only=True, eq=False)
class KeepOutDisc(PhysicalGuardrail):
    """Margin: distance of a step's path from the centre, less the radius. Exact."""

    kind: ClassVar[str] = "keep-out-disc"

    center: tuple[float, ...]
    """Middle of the zone, in the read-out's unit."""
    radius: float
    """Radius of the zone, in the read-out's unit."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_point("center", self.center, self.readout)
        if not (math.isfinite(self.radius) and self.radius > 0):
            raise ValueError(f"radius is {self.radius}; expected a positive number.")

    def _path_margin(self, start: Tensor, end: Tensor) -> Tensor:
        center = start.new_tensor(self.center)
        return distance_to_point(start, end, center) - self.radius

    def _default_name(self) -> str:
        where = ", ".join(f"{value:g}" for value in self.center)
        return f"{self.kind} ({where}) r {self.radius:g}"
