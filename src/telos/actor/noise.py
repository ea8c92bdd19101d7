"""Noise for candidate actions, correlated along time, one generator per environment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor


def coloured_noise(
    generators: Sequence[torch.Generator],
    samples: int,
    horizon: int,
    action_dim: int,
    beta: float,
    *,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "B S H A"]:
    """Gaussian noise of unit variance whose power falls with frequency as f^-beta.

    White noise averages out over a plan; coloured noise goes somewhere. Each
    environment draws from its own generator, so that its numbers do not depend on the
    batch around it.

    Args:
        generators: One per environment.
        samples: Candidates per environment.
        horizon: Steps per candidate.
        action_dim: Numbers per step.
        beta: 0 is white, 2 is a random walk.
        device: Where the result goes; the draws happen where the generators live.

    Source: Timmer & Koenig 1995; Pinneri et al. 2020 (iCEM), section 3.1.
    """
    white = torch.stack(
        [
            torch.randn(
                samples,
                action_dim,
                horizon,
                generator=generator,
                device=generator.device,
            )
            for generator in generators
        ]
    ).to(device)
    return (white @ _filter(horizon, beta).to(device)).transpose(-1, -2)


@lru_cache(maxsize=32)
def _filter(horizon: int, beta: float) -> Tensor:
    """(H, H) matrix that turns white noise into coloured noise.

    Its rows are the cosines and sines of the discrete Fourier basis, scaled by
    f^(-beta / 2). Frequency zero, where that diverges, is scaled like the lowest one.
    """
    time = torch.arange(horizon, dtype=torch.float64)
    rows = []
    for frequency in range(horizon // 2 + 1):
        phase = 2 * math.pi * frequency * time / horizon
        scale = max(frequency, 1) ** (-beta / 2)
        if frequency == 0 or 2 * frequency == horizon:
            rows.append(math.sqrt(0.5) * scale * phase.cos())
        else:
            rows += [scale * phase.cos(), scale * phase.sin()]
    matrix = torch.stack(rows)
    return (matrix / matrix.square().sum(0).sqrt()).float()
