"""SIGReg: make every one-dimensional shadow of the latents a standard normal.

Source: Balestriero and LeCun 2025, "LeJEPA" (2511.08544): the Epps-Pulley statistic of
random projections, in the form that grows with the number of samples.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

KNOTS = 17
"""Points of the trapezoid rule on [0, 3]; the integrand is even."""
REACH = 3.0


def sigreg(
    z: Float[Tensor, "N D"],
    directions: int = 128,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """``N * 2 * integral of |phi_N(t) - exp(-t^2/2)|^2 exp(-t^2/2)`` over [0, 3].

    phi_N is the empirical characteristic function of a random projection; the value is
    the mean over ``directions`` of them. A standard normal sample gives about 1 for
    every N, because the statistic is scaled by N.

    Args:
        z: Samples.
        directions: Random unit projections, drawn anew at each call.
        generator: Source of the projections.
    """
    axes = torch.randn(z.shape[1], directions, generator=generator).to(z)
    shadows = z @ (axes / axes.norm(dim=0))
    knots = torch.linspace(0, REACH, KNOTS, device=z.device)
    normal = torch.exp(-knots.square() / 2)
    weight = 2 * normal * REACH / (KNOTS - 1)
    weight[[0, -1]] /= 2
    angle = shadows.unsqueeze(-1) * knots
    error = (angle.cos().mean(0) - normal).square() + angle.sin().mean(0).square()
    return len(z) * (error * weight).sum(-1).mean()
