"""Windows with their labels: labels travel as streams, and never reach a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from telos.data.recording import Recording
from telos.types import Observation

PREFIX = "label/"
"""Marks a label among the streams of a window."""


def with_labels(recording: Recording, names: Sequence[str]) -> Recording:
    """The recording with labels as more streams (N, q), so that they are cut alike.

    Raises:
        ValueError: If the recording lacks a label.
    """
    missing = [name for name in names if name not in recording.labels]
    if missing:
        raise ValueError(
            f"the recording has no label {missing[0]!r}; it has "
            f"{', '.join(recording.labels) or 'none'}"
        )
    labels = {
        PREFIX + name: np.asarray(recording.labels[name], np.float32).reshape(
            recording.num_frames, -1
        )
        for name in names
    }
    return replace(recording, observations={**recording.observations, **labels})


def split_labels(streams: Mapping[str, Tensor]) -> tuple[Observation, Observation]:
    """What a model may see, and the labels by their own names."""
    seen = {k: v for k, v in streams.items() if not k.startswith(PREFIX)}
    labels = {
        k.removeprefix(PREFIX): v for k, v in streams.items() if k.startswith(PREFIX)
    }
    return seen, labels
