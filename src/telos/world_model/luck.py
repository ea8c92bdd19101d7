"""Numbers that choose among outcomes, spread so that few of them see much."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

BELOW_ONE = 1 - 2**-24
"""Largest float32 below 1: Sobol points may round up to it."""


@lru_cache(maxsize=64)
def spread_luck(futures: int, steps: int, seed: int) -> Float[Tensor, "K H"]:
    """One number in [0, 1) per future and step; that of the first future is 0.

    The others are points of a scrambled Sobol sequence: each of them is even in [0, 1)
    over seeds, together they leave no gap wider than 2 / (K - 1) or so in any step, and
    the first of many are those of a few. Seven independent draws overlook an outcome of
    one in five in one case of five.

    Source: Sobol 1967; Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points".
    """
    engine = torch.quasirandom.SobolEngine(steps, scramble=True, seed=seed)
    points = engine.draw(futures)[: futures - 1].clamp_max(BELOW_ONE)
    return torch.cat([torch.zeros(1, steps), points])
