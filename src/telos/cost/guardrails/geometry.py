"""Exact distances between the straight path of one step and a zone.

A path is checked as a whole: a point that is safe before and after a step may have
crossed a zone in between.

Positions have q numbers, most often two. Reducing over so short an axis is slow, so
the box works on one tensor per number.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import combinations, product

import torch
from jaxtyping import Float
from torch import Tensor

_TINY = 1e-12
"""Keeps divisions by the length of a path that does not move finite."""


def distance_to_point(
    start: Float[Tensor, "*batch q"],
    end: Float[Tensor, "*batch q"],
    point: Float[Tensor, " q"],
) -> Float[Tensor, "*batch"]:
    """Smallest distance from a segment to a point, exact in any dimension."""
    step, towards = end - start, point - start
    length2 = step.square().sum(-1).clamp_min(_TINY)
    time = ((towards * step).sum(-1) / length2).clamp(0.0, 1.0)
    return (towards - time[..., None] * step).norm(dim=-1)


def distance_to_box(
    start: Float[Tensor, "*batch q"],
    end: Float[Tensor, "*batch q"],
    low: Float[Tensor, " q"],
    high: Float[Tensor, " q"],
) -> Float[Tensor, "*batch"]:
    """Smallest signed distance from a segment to an axis-aligned box, exact.

    Negative inside, where it is the depth: the distance to the nearest face. Along a
    segment, depth and distance are convex and made of smooth pieces, so that each has
    its minimum at an end, at a kink or where a piece is stationary. All are tried.
    """
    middle, half = 0.5 * (low + high), (0.5 * (high - low)).tolist()
    at = list((start - middle).movedim(-1, 0).contiguous())
    step = list((end - start).movedim(-1, 0).contiguous())
    deepest = reduce(
        torch.minimum,
        (_beyond_faces(at, step, half, time) for time in _depth_times(at, step, half)),
    )
    nearest2 = reduce(
        torch.minimum,
        (_distance2(at, step, half, time) for time in _near_times(at, step, half)),
    )
    return torch.where(deepest < 0, deepest, nearest2.sqrt())


def _beyond_faces(
    at: list[Tensor], step: list[Tensor], half: list[float], time: Tensor | float
) -> Tensor:
    """How far a point is beyond the face that it is farthest beyond; < 0 inside."""
    return reduce(torch.maximum, _beyond(at, step, half, time))


def _distance2(
    at: list[Tensor], step: list[Tensor], half: list[float], time: Tensor | float
) -> Tensor:
    """Squared distance of a point to the box; 0 inside."""
    beyond = _beyond(at, step, half, time)
    return reduce(torch.add, (each.clamp_min(0.0).square() for each in beyond))


def _beyond(
    at: list[Tensor], step: list[Tensor], half: list[float], time: Tensor | float
) -> list[Tensor]:
    """How far a point is beyond the nearer face, per number of the position."""
    return [(a + time * s).abs() - h for a, s, h in zip(at, step, half, strict=True)]


def _depth_times(
    at: list[Tensor], step: list[Tensor], half: list[float]
) -> Iterator[Tensor | float]:
    """The ends, and when two faces are equally far: where depth has its kinks."""
    yield from (0.0, 1.0)
    for a, s in zip(at, step, strict=True):
        yield _time(-a, s)
    for i, j in combinations(range(len(at)), 2):
        for sign in (1.0, -1.0):
            gap, slope = at[i] - sign * at[j], step[i] - sign * step[j]
            yield _time(half[i] - half[j] - gap, slope)
            yield _time(half[j] - half[i] - gap, slope)


def _near_times(
    at: list[Tensor], step: list[Tensor], half: list[float]
) -> Iterator[Tensor | float]:
    """The ends, and the closest approach to each corner (and edge, beyond a plane).

    A face needs no time of its own: the distance to it alone has its minimum where the
    path crosses it, at an end, or where an edge takes over.
    """
    yield from (0.0, 1.0)
    for signs in product((-1.0, 0.0, 1.0), repeat=len(at)):
        active = [axis for axis, sign in enumerate(signs) if sign]
        if len(active) > 1:
            towards = reduce(
                torch.add, ((signs[i] * half[i] - at[i]) * step[i] for i in active)
            )
            yield _time(towards, reduce(torch.add, (step[i] ** 2 for i in active)))


def _time(value: Tensor, by: Tensor) -> Tensor:
    """Quotient within the step; some time in it where the divisor vanishes."""
    safe = torch.where(by.abs() < _TINY, 1.0, by)
    return (value / safe).clamp(0.0, 1.0)
