"""Conditions on physical quantities: how far is a state from fulfilling them?

The depth of a condition is 0 where it holds and grows with the distance to where it
does: a sum over what must hold together, the least over alternatives. Negation is done
when a condition is built, so that nothing here is ever negative.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

NARROW = 0.25
"""Room that is kept to the ends of an interval, at most, as a share of its width."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A quantity as it was read out of states."""

    values: Float[Tensor, "*b q"]
    scale: float = 1.0
    """Distance that counts as 1, in the unit of the quantity."""
    room: float = 0.0
    """By how much more than by a hair a condition shall hold, same unit: what was read
    may be wrong by that."""


Readings = Mapping[str, Reading]


class Condition(ABC):
    """What a state must fulfil."""

    @abstractmethod
    def depth(self, readings: Readings) -> Float[Tensor, "*b"]:
        """Distance to where it holds, in units of `Reading.scale`; 0 where it does."""

    @abstractmethod
    def negated(self) -> Condition:
        """What holds where this does not; both hold on the border between them."""


@dataclass(frozen=True)
class Part:
    """One number of a quantity, times a weight."""

    quantity: str
    component: int
    weight: float = 1.0


@dataclass(frozen=True)
class Within(Condition):
    """A weighted sum of numbers lies between two limits, either of them infinite."""

    parts: tuple[Part, ...]
    low: float = -math.inf
    high: float = math.inf

    def depth(self, readings: Readings) -> Float[Tensor, "*b"]:
        total, scale, room = None, 0.0, 0.0
        for part in self.parts:
            reading = readings[part.quantity]
            term = part.weight * reading.values[..., part.component]
            total = term if total is None else total + term
            scale = max(scale, reading.scale)
            room += abs(part.weight) * reading.room
        assert total is not None, "a sum of nothing"
        room = min(room, NARROW * (self.high - self.low))
        below = (self.low + room - total).clamp_min(0.0)
        above = (total - (self.high - room)).clamp_min(0.0)
        return (below + above) / scale

    def negated(self) -> Condition:
        sides = []
        if self.low > -math.inf:
            sides.append(Within(self.parts, high=self.low))
        if self.high < math.inf:
            sides.append(Within(self.parts, low=self.high))
        return sides[0] if len(sides) == 1 else Either(tuple(sides))


@dataclass(frozen=True)
class Near(Condition):
    """A quantity lies no farther from a point than a distance, or (`far`) no nearer."""

    quantity: str
    point: tuple[float, ...]
    distance: float
    far: bool = False

    def depth(self, readings: Readings) -> Float[Tensor, "*b"]:
        reading = readings[self.quantity]
        point = torch.as_tensor(self.point).to(reading.values)
        away = (reading.values - point).norm(dim=-1)
        if self.far:
            short = self.distance + reading.room - away
        else:
            room = min(reading.room, 2 * NARROW * self.distance)
            short = away - (self.distance - room)
        return short.clamp_min(0.0) / reading.scale

    def negated(self) -> Condition:
        return Near(self.quantity, self.point, self.distance, far=not self.far)


@dataclass(frozen=True)
class Both(Condition):
    """All of several conditions hold."""

    conditions: tuple[Condition, ...]

    def depth(self, readings: Readings) -> Float[Tensor, "*b"]:
        return torch.stack([c.depth(readings) for c in self.conditions]).sum(0)

    def negated(self) -> Condition:
        return Either(tuple(condition.negated() for condition in self.conditions))


@dataclass(frozen=True)
class Either(Condition):
    """At least one of several conditions holds."""

    conditions: tuple[Condition, ...]

    def depth(self, readings: Readings) -> Float[Tensor, "*b"]:
        return torch.stack([c.depth(readings) for c in self.conditions]).amin(0)

    def negated(self) -> Condition:
        return Both(tuple(condition.negated() for condition in self.conditions))
