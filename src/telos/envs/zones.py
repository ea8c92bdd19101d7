"""Keep-out zones with exact margins.

A margin is the signed distance of the agent's centre to the zone, in the world's unit
of length: greater than zero outside. A swept margin is its minimum over the whole
segment that was travelled, so that a long step cannot jump a zone unseen.

Every field is (B,); points are (B, ..., 2). In a zones file a zone is a guardrail on
the label ``position``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


def _align(value: np.ndarray, points: np.ndarray) -> np.ndarray:
    return value.reshape(-1, *([1] * (points.ndim - 2)))


@dataclass(frozen=True, kw_only=True)
class Disc:
    """A round zone."""

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray

    def margin(self, points: np.ndarray) -> np.ndarray:
        """(B, ...) signed distance of points."""
        return self.swept_margin(points, points)

    def swept_margin(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """(B, ...) smallest signed distance over straight segments."""
        centre = np.stack([_align(self.x, start), _align(self.y, start)], -1)
        distance = _point_to_segment(centre, start, end)
        return distance - _align(self.radius, start)


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """An upright rectangular zone; ``top`` is its smaller y, ``bottom`` its larger."""

    left: np.ndarray
    top: np.ndarray
    right: np.ndarray
    bottom: np.ndarray

    def margin(self, points: np.ndarray) -> np.ndarray:
        """(B, ...) signed distance of points."""
        return self.swept_margin(points, points)

    def swept_margin(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """(B, ...) smallest signed distance over straight segments.

        Outside, the nearest pair of a segment and a rectangle contains an end of the
        segment or a corner of the rectangle. Inside, the signed distance is the upper
        envelope of four linear functions of time, lowest at an end or at a crossing.
        """
        depth = self._deepest(start, end)
        return np.where(depth < 0, depth, self._gap(start, end))

    def _sides(self, points: np.ndarray) -> np.ndarray:
        """(B, ..., 4) distance outward of each side; all negative inside."""
        x, y = points[..., 0], points[..., 1]
        left, right = _align(self.left, points), _align(self.right, points)
        top, bottom = _align(self.top, points), _align(self.bottom, points)
        return np.stack([left - x, x - right, top - y, y - bottom], -1)

    def _gap(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        gaps = [self._outside(start), self._outside(end)]
        for x in (self.left, self.right):
            for y in (self.top, self.bottom):
                corner = np.stack([_align(x, start), _align(y, start)], -1)
                gaps.append(_point_to_segment(corner, start, end))
        return np.min(gaps, axis=0)

    def _outside(self, points: np.ndarray) -> np.ndarray:
        sides = np.maximum(self._sides(points), 0.0)
        return np.hypot(sides[..., :2].max(-1), sides[..., 2:].max(-1))

    def _deepest(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        first, last = self._sides(start), self._sides(end)
        slope = last - first
        times = [np.zeros(first.shape[:-1]), np.ones(first.shape[:-1])]
        for i in range(4):
            for j in range(i):
                steeper = slope[..., i] - slope[..., j]
                time = (first[..., j] - first[..., i]) / np.where(
                    steeper == 0, 1.0, steeper
                )
                times.append(np.clip(time, 0.0, 1.0))
        envelope = [(first + t[..., None] * slope).max(-1) for t in times]
        return np.min(envelope, axis=0)


Zone = Disc | Rectangle


def _point_to_segment(
    point: np.ndarray, start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Distance of points to segments."""
    along = end - start
    length = np.maximum((along**2).sum(-1), 1e-18)
    time = np.clip(((point - start) * along).sum(-1) / length, 0.0, 1.0)
    return np.linalg.norm(start + time[..., None] * along - point, axis=-1)


def zone_from_option(option: Mapping[str, object], num_envs: int) -> Zone:
    """The same zone for B environments from its description.

    Args:
        option: ``{"shape": "disc", "x": 20, "y": 30, "radius": 5}`` or
            ``{"shape": "rectangle", "left": 8, "top": 20, "right": 14, "bottom": 30}``.
        num_envs: B.

    Raises:
        ValueError: If the shape is unknown, a number is missing or the zone is empty.
    """
    kinds = {"disc": Disc, "rectangle": Rectangle}
    kind = kinds.get(str(option.get("shape")))
    if kind is None:
        raise ValueError(
            f"zone has shape {option.get('shape')!r}: expected 'disc' (x, y, radius) "
            "or 'rectangle' (left, top, right, bottom), in the unit of the position."
        )
    names = [f.name for f in fields(kind)]
    if set(option) != {"shape", *names}:
        raise ValueError(
            f"zone {dict(option)} does not describe a {option['shape']}: expected "
            f"exactly shape, {', '.join(names)}, numbers in the unit of the position."
        )
    values = {name: float(option[name]) for name in names}  # type: ignore[arg-type]
    _check_size(values)
    return kind(**{name: np.full(num_envs, v) for name, v in values.items()})


def _check_size(values: Mapping[str, float]) -> None:
    wide = values.get("right", 1.0) > values.get("left", 0.0)
    high = values.get("bottom", 1.0) > values.get("top", 0.0)
    if not (wide and high and values.get("radius", 1.0) > 0):
        raise ValueError(
            f"zone {dict(values)} is empty: expected radius > 0, left < right and "
            "top < bottom (the smaller y first)."
        )


def stack_zones(zones: Sequence[Zone | None]) -> Zone | None:
    """One zone with fields (B,) from B zones of one shape with fields (1,)."""
    placed = [zone for zone in zones if zone is not None]
    if not placed:
        return None
    names = [f.name for f in fields(placed[0])]
    stacked = {n: np.concatenate([getattr(z, n) for z in placed]) for n in names}
    return type(placed[0])(**stacked)


def zone_limits(zone: Zone | None, num_envs: int) -> list[list[dict[str, Any]]]:
    """The zone of each of B environments as an entry of a zones file."""
    if zone is None:
        return [[] for _ in range(num_envs)]
    return [[zone_entry(zone, index)] for index in range(num_envs)]


def zone_entry(zone: Zone, index: int, label: str = "position") -> dict[str, Any]:
    """The zone of one environment as an entry of a zones file, on a label."""
    named = {"quantity": label, "name": "zone"}
    value = {f.name: float(getattr(zone, f.name)[index]) for f in fields(zone)}
    if isinstance(zone, Disc):
        centre = [value["x"], value["y"]]
        parameters = {"center": centre, "radius": value["radius"]}
        return {"type": "keep-out-disc", **named, **parameters}
    low, high = [value["left"], value["top"]], [value["right"], value["bottom"]]
    return {"type": "keep-out-box", **named, "low": low, "high": high}


def zone_factors(zone: Zone, index: int) -> dict[str, float]:
    """The zone of one environment as numbers for an episode's layout."""
    return {f"zone_{f.name}": float(getattr(zone, f.name)[index]) for f in fields(zone)}
