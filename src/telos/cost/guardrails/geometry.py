"""Exact distances between the straight path of one step and a zone.

A path is checked as a whole: a point that is safe before and after a step may have
crossed a zone in between.

Legend: q numbers per position; J candidate times on a path.
"""

from __future__ import annotations

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
    segment this function is convex and made of smooth pieces, so its minimum is at an
    end, at a kink, or where a piece is stationary. All of these times are tried.
    """
    step = end - start
    times = torch.cat(
        [
            _end_times(start),
            _depth_kinks(start, step, low, high),
            _closest_times(start, step, low, high),
        ],
        dim=-1,
    )
    points = start[..., None, :] + times[..., None] * step[..., None, :]
    return signed_distance_to_box(points, low, high).amin(-1)


def signed_distance_to_box(
    points: Float[Tensor, "*batch q"],
    low: Float[Tensor, " q"],
    high: Float[Tensor, " q"],
) -> Float[Tensor, "*batch"]:
    """Distance outside, minus the distance to the nearest face inside."""
    beyond = torch.maximum(low - points, points - high)
    outside = beyond.clamp_min(0.0).norm(dim=-1)
    return outside + beyond.amax(-1).clamp_max(0.0)


def _end_times(start: Tensor) -> Tensor:
    """(*batch, 2): the two ends."""
    ends = torch.tensor([0.0, 1.0], dtype=start.dtype, device=start.device)
    return ends.expand(*start.shape[:-1], 2)


def _depth_kinks(start: Tensor, step: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """(*batch, J) times at which two faces are equally far: where depth has kinks.

    The 2q face distances are linear in time; any two of them meet once.
    """
    offset = torch.cat([low - start, start - high], dim=-1)
    slope = torch.cat([-step, step], dim=-1)
    first, second = torch.triu_indices(
        offset.shape[-1], offset.shape[-1], offset=1, device=start.device
    )
    gap = offset[..., first] - offset[..., second]
    return _safe_divide(gap, slope[..., second] - slope[..., first]).clamp(0.0, 1.0)


def _closest_times(start: Tensor, step: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """(*batch, 2q+1) times of closest approach, one per piece of the outer distance.

    Faces are crossed at 2q times. Between two crossings the squared distance to the
    box is one parabola: its vertex, kept within the piece, is the candidate.
    """
    crossings = torch.cat(
        [_safe_divide(low - start, step), _safe_divide(high - start, step)], dim=-1
    )
    ends = _end_times(start)
    knots = torch.cat([crossings.clamp(0.0, 1.0), ends], dim=-1).sort(-1).values
    begin, finish = knots[..., :-1], knots[..., 1:]
    middle = 0.5 * (begin + finish)
    points = start[..., None, :] + middle[..., None] * step[..., None, :]
    nearest = torch.minimum(torch.maximum(points, low), high)
    active = (points - nearest != 0).to(start.dtype)
    gap = active * (nearest - start[..., None, :])
    velocity = active * step[..., None, :]
    length2 = velocity.square().sum(-1)
    vertex = _safe_divide((gap * velocity).sum(-1), length2)
    return torch.minimum(torch.maximum(vertex, begin), finish)


def _safe_divide(value: Tensor, by: Tensor) -> Tensor:
    """Quotient, or 0 where the divisor vanishes (a time that is always tried)."""
    still = by.abs() < _TINY
    return torch.where(still, 0.0, value / torch.where(still, 1.0, by))
