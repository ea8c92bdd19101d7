"""Frames as states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.types import Encoder, Observation, Streams


class Completing(Protocol):
    """An encoder that can guess what it would see from some of its streams."""

    def complete(self, observation: Observation) -> Float[Tensor, "B T D"]: ...


def encode(
    encoder: Encoder, frames: Sequence[Streams], device: torch.device | str = "cpu"
) -> Float[Tensor, "B T D"]:
    """Frames of (B, ...) streams, oldest first, as states."""
    stacked = {
        name: np.stack([frame[name] for frame in frames], axis=1) for name in frames[0]
    }
    streams = {name: torch.from_numpy(v).to(device) for name, v in stacked.items()}
    with torch.no_grad():
        return encoder.encode(streams)


def encode_goal(
    encoder: Completing,
    frame: Streams,
    history: int,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "B D"]:
    """A (B, ...) frame of a goal as the state of being there, at rest.

    Streams may be missing where the encoder has learned to guess without them.
    """
    still = {
        name: torch.from_numpy(np.stack([values] * history, axis=1)).to(device)
        for name, values in frame.items()
    }
    with torch.no_grad():
        return encoder.complete(still)[:, -1]
