"""What a world model knows, measured without acting: open-loop error and probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from telos.data.recording import Recording
from telos.data.windows import WindowSampler
from telos.evaluation.labelled import split_labels, with_labels
from telos.evaluation.open_loop import HORIZONS, LabelReadOut, Model, open_loop
from telos.evaluation.probes import LabelProbes, probe_label

FRAMES, BATCH = 4096, 128
"""Frames that probes are fitted and measured on, and how many are encoded at once."""


@dataclass(frozen=True, kw_only=True)
class ModelMeasures:
    """The parts of an evaluation that need no episodes to be run."""

    open_loop: Mapping[str, Any]
    probes: Mapping[str, LabelProbes]
    """By label."""


def measure_model(
    model: Model,
    recording: Recording,
    readout: LabelReadOut | None = None,
    *,
    control: Model | None = None,
    horizons: Sequence[int] = HORIZONS,
    seed: int = 0,
) -> ModelMeasures:
    """Open-loop error and probes of every label, on episodes not trained on.

    Args:
        model: The world model.
        recording: Held-out episodes with labels.
        readout: Gives open-loop errors in physical units too.
        control: A model of the same history and frame skip that has learned nothing
            (`telos.world_model.untrained`), to be probed on the same frames.
        horizons: Model steps of the open-loop errors.
        seed: Decides windows and splits.
    """
    return ModelMeasures(
        open_loop=open_loop(model, recording, horizons, readout, seed=seed),
        probes=_probes(model, control, recording, seed),
    )


def _probes(
    model: Model, control: Model | None, recording: Recording, seed: int
) -> dict[str, LabelProbes]:
    """Probes of every label that is a number or a few, by its name."""
    specs = {n: s for n, s in recording.spec.labels.items() if _is_number(s)}
    latents, labels, episodes = encode_frames(model, recording, [*specs], seed=seed)
    untrained = None
    if control is not None:
        untrained, _, same = encode_frames(control, recording, [*specs], seed=seed)
        assert torch.equal(same, episodes), "the control saw other frames"
    return {
        name: probe_label(
            latents,
            labels[name],
            episodes,
            untrained=untrained,
            unit=spec.unit,
            seed=seed,
        )
        for name, spec in specs.items()
    }


@torch.inference_mode()
def encode_frames(
    model: Model,
    recording: Recording,
    names: Sequence[str],
    *,
    frames: int = FRAMES,
    seed: int = 0,
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Latents (N, D), labels (N, q) by name and episodes (N,) of random frames.

    Each frame is encoded with the history that the model wants.
    """
    sampler = WindowSampler(
        with_labels(recording, names),
        length=max(model.history - 1, 1),
        batch=BATCH,
        frame_skip=model.frame_skip,
        seed=seed,
    )
    latents: list[Tensor] = []
    labels: dict[str, list[Tensor]] = {name: [] for name in names}
    episodes: list[Tensor] = []
    for step in range(max(1, frames // BATCH)):
        window = sampler.batch(step)
        streams, known = split_labels(window.observations)
        latents.append(model.encode(streams)[:, -1].float().cpu())
        episodes.append(window.episodes)
        for name in names:
            labels[name].append(known[name][:, -1])
    joined = {name: torch.cat(parts) for name, parts in labels.items()}
    return torch.cat(latents), joined, torch.cat(episodes)


def _is_number(spec: Any) -> bool:
    return len(spec.shape) <= 1 and spec.dtype.startswith("float")
