"""What a training leaves behind: the verdict, the read-outs and the stored agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from telos.config import load_json, save_json, to_dict
from telos.cost.critic import critic_description
from telos.cost.fitting import fit_readout
from telos.cost.readout import ReadOut
from telos.data.frames import Frames
from telos.data.recording import Recording
from telos.data.schema import spec_to_json
from telos.data.scratch import MEMORY, Room
from telos.data.windows import WindowSampler
from telos.learning.config import TrainConfig
from telos.learning.diagnostics import judge, measure
from telos.learning.latents import LATENT
from telos.learning.modules import Modules
from telos.runs import Run
from telos.types import Verdict
from telos.world_model import JEPA, pack_world_model

DIAGNOSTICS = "diagnostics.json"
DIAGNOSED = 64
"""Windows of held-out episodes that a verdict is measured on."""
FRAMES = 32
"""Longest of these windows, in transitions."""
READ_OUT = 2**18
"""Frames that a read-out is fitted on at most, so that memory stays bounded."""
SKILL_STEPS = 4
"""Steps over which prediction is compared with no change."""


@torch.no_grad()
def diagnose(model: JEPA, latents: Recording, seed: int) -> Verdict:
    """The collapse verdict on held-out latents."""
    length = int(min(FRAMES, latents.lengths.min() - 1) // model.frame_skip)
    sampler = WindowSampler(
        latents,
        length=max(1, length),
        batch=min(DIAGNOSED, 8 * latents.num_episodes),
        frame_skip=model.frame_skip,
        seed=seed,
    )
    window = sampler.batch(0)
    device = model.device
    latent = window.observations[LATENT].to(device)
    state, _ = model.split(latent)
    actions = window.actions[:, :SKILL_STEPS].to(device)
    moved = model.imagine(latent[:, 0], actions)[:, 1:]
    target = state[:, 1 : 1 + moved.shape[1]]
    error = (moved - target).square().mean()
    still = (state[:, :1] - target).square().mean().clamp_min(1e-12)
    skill = float(1 - error / still)
    config = model.config
    return judge(measure(latent, config.state_dim, skill, config.num_tokens))


def save_verdict(run: Run, about: str, verdict: Verdict, step: int) -> None:
    """Write into diagnostics.json; a resumed training replaces what it said before."""
    line = {
        "about": about,
        "name": verdict.name,
        "text": verdict.text,
        "evidence": dict(verdict.evidence),
        "step": step,
    }
    others = [v for v in read_verdicts(run) if v["about"] != about]
    save_json(run.path / DIAGNOSTICS, [*others, line])


def read_verdicts(run: Run) -> list[dict[str, Any]]:
    """What a training has said so far, oldest first."""
    path = run.path / DIAGNOSTICS
    return load_json(path) if path.exists() else []


def fit_readouts(
    latents: Recording, held_out: Recording, seed: int, room: Room = MEMORY
) -> Mapping[str, ReadOut]:
    """A read-out for every flat float label, fitted on latents of all episodes.

    Labels are logged quantities such as positions; the world model has not seen them.
    Of very many frames a share is taken, evenly spaced, and put into a room.
    """
    both = [latents, held_out]
    every = -(-sum(r.num_frames for r in both) // READ_OUT)

    def joined(arrays: Iterable[Frames]) -> np.ndarray:
        some = [array[::every] for array in arrays]
        out = room.zeros((sum(map(len, some)), *some[0].shape[1:]), some[0].dtype)
        return np.concatenate(some, out=out)

    inputs = torch.from_numpy(joined(r.observations[LATENT] for r in both))
    sides = [_groups(r, side, every) for side, r in enumerate(both)]
    groups = torch.from_numpy(np.concatenate(sides))
    readouts = {}
    for name, spec in latents.spec.labels.items():
        if len(spec.shape) > 1 or not spec.dtype.startswith("float"):
            continue
        values = joined(r.labels[name] for r in both)
        labels = torch.from_numpy(values.reshape(len(values), -1).astype(np.float32))
        readouts[name] = fit_readout(
            inputs,
            labels,
            name=name,
            unit=spec.unit,
            generator=torch.Generator().manual_seed(seed),
            groups=groups,
        )
    return readouts


def save_trained(
    run: Run,
    config: TrainConfig,
    modules: Modules,
    readouts: Mapping[str, ReadOut],
    latents: Recording,
) -> None:
    """Write the final model: world model, costs and read-outs in one file."""
    tensors, world_model = pack_world_model(modules.model)
    critic = modules.critic
    tensors |= {f"critic/{k}": v for k, v in critic.state_dict().items()}
    tensors |= {f"habit/{k}": v for k, v in modules.habit.state_dict().items()}
    terrain = _terrain_description(config, modules)
    if terrain is not None:
        tensors |= {f"chart/{k}": v for k, v in modules.chart.state_dict().items()}
    for name, readout in readouts.items():
        tensors |= {f"readout/{name}/{k}": v for k, v in readout.tensors().items()}
    description: dict[str, Any] = {
        "world_model": world_model,
        "critic": critic_description(critic),
        "habit": modules.habit.description(),
        "terrain": terrain,
        "typical_change": typical_change(latents, modules.model),
        "readouts": {name: r.description() for name, r in readouts.items()},
        "spec": spec_to_json(latents.spec),
        "config": to_dict(config),
    }
    run.save_model(tensors, description)


def _terrain_description(config: TrainConfig, modules: Modules) -> Mapping | None:
    """What routes are searched with; None where no chart was drawn."""
    if config.critic.form != "paths":
        return None
    return {
        "chart": modules.chart.description(),
        "discount": config.critic.discount,
        "frame_skip": modules.model.frame_skip,
    }


def typical_change(latents: Recording, model: JEPA) -> float:
    """Root mean square length of a state's change in one model step."""
    states = latents.observations[LATENT][:, : model.config.state_dim]
    skip = model.frame_skip
    squares = [
        np.square(
            states[first + skip : first + count] - states[first : first + count - skip]
        ).sum(-1)
        for first, count in zip(latents.starts, latents.lengths, strict=True)
        if count > skip
    ]
    return float(np.sqrt(np.concatenate(squares).mean()))


def _groups(recording: Recording, side: int, every: int) -> np.ndarray:
    """Of every so many frames, a number for its episode that its side alone uses."""
    rows = np.arange(0, recording.num_frames, every)
    return 2 * recording.owners(rows) + side
