"""Keep-out zones as shapes in thousandths of the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Extent:
    """World units that the image spans; ``y0`` is its top edge."""

    x0: float
    x1: float
    y0: float
    y1: float

    def __post_init__(self) -> None:
        if self.x0 == self.x1 or self.y0 == self.y1:
            raise ValueError(f"extent spans nothing: {self}")

    def shares(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) world positions as whole thousandths of width and height."""
        origin = np.array([self.x0, self.y0])
        span = np.array([self.x1 - self.x0, self.y1 - self.y0])
        scaled = 1000 * (np.asarray(points, float) - origin) / span
        return np.rint(np.clip(scaled, -1000, 2000)).astype(int)

    def lengths(self, length: float) -> tuple[int, int]:
        """A world length along x and along y, in thousandths."""
        wide, high = abs(self.x1 - self.x0), abs(self.y1 - self.y0)
        return round(1000 * length / wide), round(1000 * length / high)


def parse_zones(entries: Any, extent: Extent) -> list[dict[str, Any]]:
    """Discs and boxes that can be drawn; other guardrails have no place in a picture.

    Args:
        entries: One guardrail or a list of them, as guardrail files write them:
            ``type``, then ``center`` and ``radius`` or ``low`` and ``high``, with an
            optional ``buffer`` (all world units).
        extent: What the image spans.
    """
    listed: Sequence[Any] = entries if isinstance(entries, list) else [entries]
    shapes = (_shape(e, extent) for e in listed if isinstance(e, Mapping))
    return [shape for shape in shapes if shape is not None]


def _shape(entry: Mapping[str, Any], extent: Extent) -> dict[str, Any] | None:
    buffer = extent.lengths(float(entry.get("buffer") or 0.0))
    centre = _pair(entry.get("center", entry.get("centre")))
    if centre is not None and isinstance(entry.get("radius"), int | float):
        radius = extent.lengths(float(entry["radius"]))
        at = extent.shares(centre).tolist()
        return {"kind": "disc", "at": at, "radius": radius, "buffer": buffer}
    low, high = _pair(entry.get("low")), _pair(entry.get("high"))
    if low is None or high is None:
        return None
    corners = np.sort(extent.shares(np.stack([low, high])), axis=0)
    return {"kind": "box", "corners": corners.tolist(), "buffer": buffer}


def _pair(value: Any) -> np.ndarray | None:
    """Two finite numbers, or None: a bound on one number is not a region."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    if not all(isinstance(v, int | float) for v in value):
        return None
    pair = np.array(value, float)
    return pair if np.isfinite(pair).all() else None
