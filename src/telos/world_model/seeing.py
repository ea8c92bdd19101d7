"""From stored streams to what a network sees of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch

from telos.perception.transforms import downsample
from telos.types import Observation


def reduced(
    observation: Observation, images: Collection[str], factor: int
) -> Observation:
    """The same streams, images (B, T, H, W, C) averaged in blocks of ``factor``."""
    return {
        name: torch.from_numpy(downsample(frames.numpy(), factor))
        if name in images
        else frames
        for name, frames in observation.items()
    }


def require_streams(needed: Collection[str], given: Iterable[str]) -> None:
    """Refuse an observation that lacks a stream.

    Raises:
        ValueError: If one is missing; the message names it.
    """
    there = list(given)
    missing = [repr(name) for name in needed if name not in there]
    if missing:
        raise ValueError(
            f"the observation has no {' and no '.join(missing)}; the model sees "
            f"{', '.join(needed)} together, what was given is "
            f"{', '.join(there) or 'nothing'}"
        )
