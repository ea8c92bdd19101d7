"""From the surprise of frames to the surprise of a clip."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

Reduction = Literal["mean", "max"]
REDUCTIONS: tuple[Reduction, ...] = ("mean", "max")
"""Mean is the headline. Max is not additive: it lets plain frame difference win."""


def reduce_trace(
    trace: Float[np.ndarray, "*sets T"], how: Reduction = "mean"
) -> Float[np.ndarray, "*sets"]:
    """One number per clip over the frames that were predicted.

    Raises:
        ValueError: If a clip has no frame that was predicted, or one that is infinite.
    """
    known = ~np.isnan(trace)
    if np.isinf(trace).any():
        raise ValueError(
            "a trace holds infinite surprise: the model diverged; look at its training"
        )
    if not known.any(axis=-1).all():
        raise ValueError(
            "a clip holds no frame whose surprise is known: it is shorter than the "
            "context that the model needs"
        )
    return np.nanmean(trace, axis=-1) if how == "mean" else np.nanmax(trace, axis=-1)
