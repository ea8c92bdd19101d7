"""What must hold in a world: exact margins, and the same as entries of a zones file.

A margin covers the straight way that a label makes in a step, ends included, as the
guardrails that are built from the entries do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from telos.envs.zones import Disc, zone_entry


@dataclass(frozen=True, kw_only=True)
class KeepOut:
    """Each environment has a disc that a label of two numbers must stay out of."""

    name: str
    label: str
    disc: Disc
    """Fields (B,), in the unit of the label."""

    def margin(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """(B,) smallest distance to the disc on the way between (B, 2) points."""
        return self.disc.swept_margin(start, end)

    def entry(self, index: int) -> dict[str, Any]:
        """The limit of one environment as an entry of a zones file."""
        return {**zone_entry(self.disc, index, self.label), "name": self.name}


@dataclass(frozen=True, kw_only=True)
class Within:
    """Every number of a label must stay within plus and minus ``size``."""

    name: str
    label: str
    size: float
    """In the unit of the label."""

    def margin(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """(B,) smallest distance to a bound; a straight way is nearest at an end."""
        return self.size - np.maximum(np.abs(start), np.abs(end)).max(-1)

    def entry(self, index: int) -> dict[str, Any]:
        """The limit, equal in all environments, as an entry of a zones file."""
        bounds = {"low": -self.size, "high": self.size}
        return {
            "type": "bound",
            "quantity": self.label,
            **bounds,
            "name": self.name,
        }


Limit = KeepOut | Within
