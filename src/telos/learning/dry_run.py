"""What a training would do and about how long it would take; writes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from telos.cost.fitting import MlpConfig, fit_readout
from telos.data.recording import Recording
from telos.data.splits import split_by_episode
from telos.data.store import EpisodeFile
from telos.envs.world import StreamSpec
from telos.learning.checks import check_trainable, num_windows
from telos.learning.config import TrainConfig
from telos.learning.decoding import STRIP, decoder_phase
from telos.learning.latents import LATENT, encode_recording, prepare_recording
from telos.learning.loop import Phase, make_optimiser, train_step
from telos.learning.modules import Modules, build_modules, num_parameters
from telos.learning.phases import frame_phase, latent_phase
from telos.learning.pictures import show
from telos.learning.reading import (
    Reading,
    Where,
    choose_reading,
    latent_bytes,
    seen_frame_bytes,
)
from telos.learning.training import ON_FRAMES, ON_LATENTS, phases_of
from telos.runtime import Runtime, choose_runtime, peak_memory_bytes

EPISODES = 32
"""Episodes that the timed steps are made on."""
TIMED_STEPS = 5
"""Steps timed in each phase, after one that warms up."""
READOUT_STEPS = 50
"""Steps timed of a read-out's fit."""
MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """A training, foretold."""

    data: str
    world: str
    folder: str
    device: str
    frames: str
    """Where they would lie, and why."""
    episodes: int
    held_out: int
    """Episodes kept for diagnostics and read-outs' errors."""
    windows: Mapping[str, int]
    """Different windows that each phase can draw."""
    parameters: Mapping[str, int]
    steps: Mapping[str, int]
    samples: Mapping[str, int]
    """Frames or transitions that each phase will see."""
    seconds: Mapping[str, float]
    """Estimated seconds of each part, measured on a few steps."""
    memory_bytes: int
    """Estimated peak of the process."""
    files: Mapping[str, int]
    """Files to be written, with their estimated bytes; 0 where it is small."""

    @property
    def minutes(self) -> float:
        """Estimated minutes of the whole training."""
        return sum(self.seconds.values()) / 60

    def lines(self) -> list[str]:
        """For people."""
        trained_on = self.episodes - self.held_out
        rows = [
            f"data             {self.data} ({self.world}): {trained_on} episodes to "
            f"train on, {self.held_out} held out",
            _spaced(self.frames),
            f"parameters       {_listed(self.parameters)}",
        ]
        rows += [self._phase_line(name) for name in self.samples]
        rest = sum(s for name, s in self.seconds.items() if name not in self.samples)
        rows += [
            f"encoding, rest   about {rest / 60:.1f} min",
            f"estimated time   {self.minutes:.1f} min on {self.device}, from "
            f"{TIMED_STEPS} timed steps per phase: a busy machine takes longer",
            f"estimated memory {self.memory_bytes / 2**30:.1f} GiB at its peak",
            f"would write      {self.folder}",
        ]
        return rows + [f"  {_file_line(n, size)}" for n, size in self.files.items()]

    def _phase_line(self, name: str) -> str:
        return (
            f"{name:<16} {self.steps[name]:,} steps, {self.samples[name]:,} samples "
            f"from {self.windows[name]:,} windows, about "
            f"{self.seconds[name] / 60:.1f} min"
        )

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "minutes": self.minutes, "estimate": True}


def dry_run(
    config: TrainConfig,
    file: EpisodeFile,
    folder: Path,
    runtime: Runtime | None = None,
    *,
    frames: Where = "auto",
    scratch: Path | None = None,
) -> DryRun:
    """Foretell a training by making a few real steps on a few episodes.

    Args:
        config: Resolved configuration.
        file: Episodes.
        folder: Run folder that would be made; it is not touched.
        runtime: Where it would run; chosen automatically by default.
        frames: Where they would lie while the encoder trains, see `choose_reading`.
        scratch: Folder for a scratch; the run folder by default.

    Raises:
        ValueError: If the training could not start.
    """
    check_trainable(config, file.spec, file.lengths)
    runtime = runtime or choose_runtime()
    reading = choose_reading(
        config.model, file.spec, file.num_frames, frames, folder=scratch or folder
    )
    train, held_out = split_by_episode(
        file.num_episodes, config.held_out, seed=config.seed
    )
    whole = file.stream(streams=list(config.model.streams))
    subset = whole.select(_some(file.lengths, train))
    modules = build_modules(config, subset)
    modules.to(runtime.device)
    phases, seconds = _time_parts(config, modules, subset, runtime, reading)
    share = file.num_frames / subset.num_frames
    return DryRun(
        data=str(file.path),
        world=file.spec.id,
        folder=str(folder),
        device=runtime.device,
        frames=reading.reason,
        episodes=file.num_episodes,
        held_out=len(held_out),
        windows=num_windows(config, file.lengths[train]),
        parameters=num_parameters(modules),
        steps={name: phase.num_steps for name, phase in phases.items()},
        samples={n: p.num_steps * p.samples_per_step for n, p in phases.items()},
        seconds={n: s * (share if n == "encoding" else 1) for n, s in seconds.items()},
        memory_bytes=_memory(config, file, subset, reading),
        files=_files(config, modules),
    )


def _some(lengths: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Indices of a few training episodes, the longest among them.

    The longest one makes sure that every phase finds a window.
    """
    spread = np.linspace(0, len(train) - 1, min(EPISODES, len(train))).astype(int)
    longest = train[lengths[train].argmax()]
    return np.union1d(train[spread], [longest])


def _time_parts(
    config: TrainConfig,
    modules: Modules,
    subset: Recording,
    runtime: Runtime,
    reading: Reading,
) -> tuple[dict[str, Phase], dict[str, float]]:
    """The phases, and seconds of each part; encoding for the subset only."""
    began = time.monotonic()
    prepared = prepare_recording(modules.model, subset)
    if reading.place != "file":  # a few frames: the system keeps a scratch in memory
        prepared = prepared.in_memory()
    preparing = time.monotonic() - began
    names = phases_of(config)
    early = [
        frame_phase(name, config, modules, prepared)
        for name in names
        if name in ON_FRAMES
    ]
    seconds = {phase.name: _time_phase(phase, runtime) for phase in early}
    began = time.monotonic()
    latents = encode_recording(modules.model, prepared)
    seconds["encoding"] = preparing + time.monotonic() - began
    late = [
        latent_phase(name, config, modules, latents)
        for name in names
        if name in ON_LATENTS
    ]
    if config.decoder is not None:
        late.append(decoder_phase(config, modules, show(latents, subset)))
    seconds |= {phase.name: _time_phase(phase, runtime) for phase in late}
    seconds["read-outs"] = _time_readouts(latents)
    return {phase.name: phase for phase in (*early, *late)}, seconds


def _time_phase(phase: Phase, runtime: Runtime) -> float:
    """Estimated seconds of a whole phase."""
    optimiser = make_optimiser(phase)

    def step(number: int) -> None:
        loss, _ = train_step(phase, optimiser, number, runtime)
        phase.after_step(number)
        loss.item()  # waits for a device that works in the background

    step(0)
    return phase.num_steps * _seconds_per_call(step, TIMED_STEPS)


def _time_readouts(latents: Recording) -> float:
    """Estimated seconds of fitting a read-out for each label."""
    labels = [n for n, s in latents.spec.labels.items() if _is_flat_float(s)]
    if not labels:
        return 0.0
    inputs = torch.from_numpy(latents.observations[LATENT])
    values = np.asarray(latents.labels[labels[0]]).reshape(len(inputs), -1)
    began = time.monotonic()
    fit_readout(
        inputs,
        torch.from_numpy(values.astype(np.float32)),
        name=labels[0],
        unit="",
        generator=torch.Generator().manual_seed(0),
        config=MlpConfig(steps=READOUT_STEPS),
    )
    share = MlpConfig().steps / READOUT_STEPS
    return len(labels) * share * (time.monotonic() - began)


def _seconds_per_call(call: Callable[[int], None], times: int) -> float:
    began = time.monotonic()
    for number in range(1, times + 1):
        call(number)
    return (time.monotonic() - began) / times


def _is_flat_float(spec: StreamSpec) -> bool:
    return len(spec.shape) <= 1 and spec.dtype.startswith("float")


def _memory(
    config: TrainConfig, file: EpisodeFile, subset: Recording, reading: Reading
) -> int:
    """Peak bytes: reduced frames where they are kept, latents, the rest.

    The rest (libraries, activations, optimiser, frames on their way) is what this
    process needed for the steps that it has just made.
    """
    seen = seen_frame_bytes(config.model, file.spec)
    worked_out = latent_bytes(config.model)
    per_frame = {"memory": seen + worked_out, "scratch": 0, "file": worked_out}
    held = worked_out if reading.place == "file" else seen + worked_out
    rest = peak_memory_bytes() - held * subset.num_frames
    return int(per_frame[reading.place] * file.num_frames + max(0, rest))


def _files(config: TrainConfig, modules: Modules) -> dict[str, int]:
    stored = _tensor_bytes(modules)
    kept = [modules.model, modules.critic, modules.habit]
    if "chart" in phases_of(config):
        kept.append(modules.chart)
    final = sum(_tensor_bytes(module) for module in kept)
    trained = sum(p.numel() * p.element_size() for p in modules.parameters())
    shown = {}
    if modules.decoder is not None:
        shown = {"decoder.safetensors": _tensor_bytes(modules.decoder), STRIP: 0}
    return {
        "config.json": 0,
        "env.json": 0,
        "metrics.jsonl": 0,
        "diagnostics.json": 0,
        # Two are kept; each holds all weights and two moments of what is trained.
        "checkpoints/": 2 * (stored + 2 * trained),
        "model.safetensors": final,
        "model.json": 0,
        **shown,
    }


def _tensor_bytes(module: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in module.state_dict().values())


def _spaced(reason: str) -> str:
    name, _, rest = reason.partition(": ")
    return f"{name:<16} {rest}"


def _listed(parameters: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in parameters.items())


def _file_line(name: str, size: int) -> str:
    return f"{name:<18} about {size / MIB:.1f} MiB" if size else name
