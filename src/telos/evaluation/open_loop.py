"""How far a world model sees: prediction error against horizon, without feedback.

Closed-loop success hides a broken model, because replanning corrects it. Persistence
("nothing changes") is the baseline: a model that does not beat it has learned nothing
about actions, however well positions can be read out of its encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from telos.data.recording import Recording
from telos.data.windows import WindowSampler
from telos.evaluation.labelled import split_labels, with_labels
from telos.types import Observation, Trajectory, Window

HORIZONS = (1, 2, 4, 8, 12, 16)
"""Model steps at which errors are reported."""
BATCH = 64
"""Windows imagined at once."""


class Model(Protocol):
    """What a world model must offer to be measured."""

    @property
    def history(self) -> int:
        """Frames that the present is judged by."""
        ...

    @property
    def frame_skip(self) -> int:
        """Environment steps per model step."""
        ...

    def encode(self, observation: Observation) -> Float[Tensor, "B T D"]: ...

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory: ...


@dataclass(frozen=True, kw_only=True)
class LabelReadOut:
    """A map from latents to a label, with the label's name and unit."""

    read: Callable[[Tensor], Tensor]
    """(..., D) to (..., q)."""
    label: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class _Predicted:
    """One batch: what was imagined, what came, and what was there at the start."""

    imagined: Float[Tensor, "B H D"]
    encoded: Float[Tensor, "B H D"]
    present: Float[Tensor, "B 1 D"]
    labels: Tensor | None
    """(B, H+1, q), the present first."""


def open_loop(
    model: Model,
    recording: Recording,
    horizons: Sequence[int] = HORIZONS,
    readout: LabelReadOut | None = None,
    *,
    windows: int = 512,
    seed: int = 0,
) -> dict[str, Any]:
    """Errors of k-step predictions on held-out episodes.

    Args:
        model: The world model.
        recording: Episodes that it was not trained on.
        horizons: Model steps k.
        readout: Where to measure in physical units too.
        windows: How many windows to average over.
        seed: Decides the windows.

    Returns:
        ``horizons``; ``latent`` and ``persistence``, mean squared errors in the
        latent; ``ratio`` of the two, below 1 where the model beats persistence; with a
        read-out also ``readout`` and ``readout_persistence``, mean distances in
        ``unit``. The read-out's own error is part of both.

    Raises:
        ValueError: If the episodes are shorter than the longest horizon.
    """
    horizons = sorted({int(k) for k in horizons})
    predicted = _predict(model, recording, horizons[-1], readout, windows, seed)
    steps = torch.tensor(horizons) - 1
    gap = (predicted.imagined - predicted.encoded).square().mean((0, 2))[steps]
    still = (predicted.present - predicted.encoded).square().mean((0, 2))[steps]
    result = {
        "horizons": horizons,
        "latent": gap.tolist(),
        "persistence": still.tolist(),
        "ratio": (gap / still.clamp_min(1e-12)).tolist(),
    }
    if readout is not None:
        result |= _physical(predicted, readout, steps)
    return result


def _physical(
    predicted: _Predicted, readout: LabelReadOut, steps: Tensor
) -> dict[str, Any]:
    """Mean distance to the truth in the label's unit, for model and persistence."""
    assert predicted.labels is not None
    truth = predicted.labels[:, 1:]
    error = (readout.read(predicted.imagined) - truth).norm(dim=-1).mean(0)
    still = (predicted.labels[:, :1] - truth).norm(dim=-1).mean(0)
    return {
        "readout": error[steps].tolist(),
        "readout_persistence": still[steps].tolist(),
        "unit": readout.unit,
        "label": readout.label,
    }


@torch.inference_mode()
def _predict(
    model: Model,
    recording: Recording,
    horizon: int,
    readout: LabelReadOut | None,
    windows: int,
    seed: int,
) -> _Predicted:
    """Imagine all windows, a few at a time so that memory stays bounded."""
    names = [] if readout is None else [readout.label]
    sampler = WindowSampler(
        with_labels(recording, names),
        length=model.history - 1 + horizon,
        batch=min(windows, BATCH),
        frame_skip=model.frame_skip,
        seed=seed,
    )
    steps = range(max(1, windows // BATCH))
    parts = [_imagine(model, sampler.batch(step), readout) for step in steps]
    labels = [part.labels for part in parts if part.labels is not None]
    return _Predicted(
        imagined=torch.cat([part.imagined for part in parts]),
        encoded=torch.cat([part.encoded for part in parts]),
        present=torch.cat([part.present for part in parts]),
        labels=torch.cat(labels) if labels else None,
    )


def _imagine(model: Model, window: Window, readout: LabelReadOut | None) -> _Predicted:
    past = model.history - 1
    streams, labels = split_labels(window.observations)
    latents = model.encode(streams)
    actions = window.actions[:, None, past:]
    imagined = model.rollout(latents[:, : past + 1], actions).future
    return _Predicted(
        imagined=imagined[:, 0].mean(1).float().cpu(),
        encoded=latents[:, past + 1 :].float().cpu(),
        present=latents[:, past : past + 1].float().cpu(),
        labels=None if readout is None else labels[readout.label][:, past:],
    )
