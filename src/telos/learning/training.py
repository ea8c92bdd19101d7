"""A whole training: representation, dynamics, read-outs, critic, one run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telos.config import save_json, to_dict
from telos.cost.critic import build_critic, critic_description
from telos.cost.fitting import fit_readout
from telos.cost.readout import ReadOut
from telos.data.actions import ActionScale
from telos.data.recording import Recording
from telos.data.schema import spec_to_json
from telos.data.splits import split_by_episode
from telos.data.statistics import of_recording
from telos.data.windows import WindowSampler
from telos.learning.config import TrainConfig
from telos.learning.critic import CriticPhase, slow_copy
from telos.learning.diagnostics import judge, measure
from telos.learning.dynamics import DynamicsPhase
from telos.learning.latents import LATENT, encode_recording, prepare_recording
from telos.learning.loop import Loop, Phase, Progress, restore_modules
from telos.learning.losses import InverseDynamics
from telos.learning.representation import RepresentationPhase
from telos.perception.vector import VectorEncoder
from telos.runs import Checkpoint, Interrupt, Run
from telos.runtime import Runtime, seed_all
from telos.types import Verdict
from telos.world_model import JEPA, pack_world_model

ORDER = ("representation", "dynamics", "critic")
DIAGNOSED = 64
"""Held-out episodes that verdicts are measured on."""


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """Recorded episodes on both sides of the split, images already reduced."""

    train: Recording
    held_out: Recording


def build_modules(config: TrainConfig, recording: Recording) -> nn.ModuleDict:
    """Every network that a training changes, initialised from the seed."""
    seed_all(config.seed)
    scale = ActionScale.of_spec(recording.spec, config.model.frame_skip)
    model = JEPA(config.model, scale)
    _standardise_streams(model, recording)
    critic = build_critic(
        config.critic.form,
        config.model.state_dim,
        config.model.context_dim,
        config.critic.width,
    )
    inverse = InverseDynamics(config.model.state_dim, config.model.action_dim)
    return nn.ModuleDict(
        {
            "model": model,
            "inverse": inverse,
            "critic": critic,
            "target": slow_copy(critic),
        }
    )


def split_episodes(config: TrainConfig, model: JEPA, recording: Recording) -> Episodes:
    """Split by episode; images are reduced once for all."""
    if config.shuffle_actions:
        recording = _shuffled(recording, config.seed)
    prepared = prepare_recording(model, recording)
    train, held_out = split_by_episode(
        recording.num_episodes, config.held_out, seed=config.seed
    )
    return Episodes(train=prepared.select(train), held_out=prepared.select(held_out))


def train(
    run: Run,
    config: TrainConfig,
    recording: Recording,
    runtime: Runtime,
    *,
    resume: bool = False,
    listen: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train an agent and store it in the run folder.

    Args:
        run: An open run folder.
        config: Resolved configuration.
        recording: Episodes, frames as stored.
        runtime: Device, dtype, threads.
        resume: Go on from the newest checkpoint.
        listen: Told of progress.
        say: Told of verdicts, in words.

    Raises:
        Interrupted: After Ctrl-C; everything is saved, and `resume` goes on.
    """
    modules = build_modules(config, recording)
    modules.to(runtime.device)
    episodes = split_episodes(config, modules["model"], recording)
    checkpoint = run.resume() if resume else None
    if checkpoint is not None:
        restore_modules(modules, checkpoint)
    with Interrupt() as interrupt:
        loop = Loop(
            run_folder=run,
            runtime=runtime,
            modules=modules,
            interrupt=interrupt,
            checkpoint_every=config.checkpoint_every,
            listen=listen,
        )
        _run_phases(loop, config, modules, episodes, checkpoint, say)


def _run_phases(
    loop: Loop,
    config: TrainConfig,
    modules: nn.ModuleDict,
    episodes: Episodes,
    checkpoint: Checkpoint | None,
    say: Callable[[str], None],
) -> None:
    start = ORDER.index(checkpoint.phase) if checkpoint else 0
    if start == 0:
        phase = _representation(config, modules, episodes.train)
        loop.run(phase, checkpoint)
        checkpoint = None
    model = modules["model"]
    latents = encode_recording(model, episodes.train)
    held_out = encode_recording(model, episodes.held_out)
    for name in ORDER[max(1, start) :]:
        phase = _late_phase(name, config, modules, latents)
        loop.run(phase, checkpoint)
        checkpoint = None
        if name == "dynamics":
            verdict = diagnose(model, held_out, config.seed)
            save_verdict(loop.run_folder, verdict, config.representation.steps)
            say(f"{verdict.name}: {verdict.text}")
    readouts = fit_readouts(latents, held_out, config.seed)
    save_trained(loop.run_folder, config, modules, readouts, latents)


def _representation(
    config: TrainConfig, modules: nn.ModuleDict, recording: Recording
) -> Phase:
    settings, model = config.representation, modules["model"]
    sampler = WindowSampler(
        recording,
        length=settings.length + model.history - 1,
        batch=settings.episodes * settings.windows,
        frame_skip=model.frame_skip,
        windows_per_episode=settings.windows,
        seed=config.seed,
    )
    return RepresentationPhase(
        model, modules["inverse"], sampler, settings, seed=config.seed
    )


def _late_phase(
    name: str, config: TrainConfig, modules: nn.ModuleDict, latents: Recording
) -> Phase:
    model = modules["model"]
    if name == "critic":
        return CriticPhase(
            modules["critic"],
            modules["target"],
            latents,
            config.critic,
            frame_skip=model.frame_skip,
            seed=config.seed,
        )
    sampler = WindowSampler(
        latents,
        length=config.dynamics.length,
        batch=config.dynamics.batch,
        frame_skip=model.frame_skip,
        seed=config.seed,
    )
    return DynamicsPhase(model, sampler, config.dynamics)


@torch.no_grad()
def diagnose(model: JEPA, latents: Recording, seed: int) -> Verdict:
    """The collapse verdict on held-out latents."""
    length = int(min(32, latents.lengths.min() - 1) // model.frame_skip)
    sampler = WindowSampler(
        latents,
        length=max(1, length),
        batch=min(DIAGNOSED, 8 * latents.num_episodes),
        frame_skip=model.frame_skip,
        seed=seed,
    )
    window = sampler.batch(0)
    device = model.head.weight.device
    latent = window.observations[LATENT].to(device)
    state, _ = model.split(latent)
    moved = model.imagine(latent[:, 0], window.actions[:, :4].to(device))[:, 1:]
    target = state[:, 1 : 1 + moved.shape[1]]
    error = (moved - target).square().mean()
    still = (state[:, :1] - target).square().mean().clamp_min(1e-12)
    skill = float(1 - error / still)
    return judge(measure(latent, model.config.state_dim, skill))


def save_verdict(run: Run, verdict: Verdict, step: int) -> None:
    """Write diagnostics.json."""
    line = {
        "name": verdict.name,
        "text": verdict.text,
        "evidence": dict(verdict.evidence),
        "step": step,
    }
    save_json(run.path / "diagnostics.json", [line])


def fit_readouts(
    latents: Recording, held_out: Recording, seed: int
) -> Mapping[str, ReadOut]:
    """A read-out for every flat float label, fitted on latents of all episodes.

    Labels are logged quantities such as positions; the world model has not seen them.
    """
    both = [latents, held_out]
    inputs = torch.from_numpy(np.concatenate([r.observations[LATENT] for r in both]))
    groups = torch.from_numpy(np.concatenate([_groups(r, i) for i, r in enumerate(both)]))
    readouts = {}
    for name, spec in latents.spec.labels.items():
        if len(spec.shape) > 1 or not spec.dtype.startswith("float"):
            continue
        values = np.concatenate([r.labels[name] for r in both])
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


def _groups(recording: Recording, side: int) -> np.ndarray:
    """(N,) a number for each episode, different on the two sides."""
    return 2 * np.repeat(np.arange(recording.num_episodes), recording.lengths) + side


def save_trained(
    run: Run,
    config: TrainConfig,
    modules: nn.ModuleDict,
    readouts: Mapping[str, ReadOut],
    latents: Recording,
) -> None:
    """Write the final model: world model, critic and read-outs in one file."""
    tensors, world_model = pack_world_model(modules["model"])
    critic = modules["critic"]
    tensors |= {f"critic/{k}": v for k, v in critic.state_dict().items()}
    for name, readout in readouts.items():
        tensors |= {f"readout/{name}/{k}": v for k, v in readout.tensors().items()}
    description: dict[str, Any] = {
        "world_model": world_model,
        "critic": critic_description(critic),
        "readouts": {name: r.description() for name, r in readouts.items()},
        "spec": spec_to_json(latents.spec),
        "config": to_dict(config),
    }
    run.save_model(tensors, description)


def _standardise_streams(model: JEPA, recording: Recording) -> None:
    """Give flat streams the statistics of the recording."""
    flat = [n for n, shape in model.config.streams.items() if len(shape) == 1]
    if not flat:
        return
    found = of_recording(recording, [f"observations/{name}" for name in flat])
    for name in flat:
        part = model.perception.parts[name]
        assert isinstance(part, VectorEncoder)
        numbers = found[f"observations/{name}"]
        mean, scale = (torch.as_tensor(v, dtype=torch.float32).flatten() for v in
                       (numbers.mean, numbers.scale))
        part.standardise(mean.repeat(model.history), scale.repeat(model.history))


def _shuffled(recording: Recording, seed: int) -> Recording:
    """The control: every action is moved to another frame of the recording."""
    actions = recording.actions.copy()
    real = np.flatnonzero(np.isfinite(actions).all(axis=1))
    actions[real] = actions[np.random.default_rng(seed).permutation(real)]
    return replace(recording, actions=actions)


def phase_sizes(config: TrainConfig) -> Sequence[tuple[str, int]]:
    """Name and steps of each phase, in order."""
    return [
        ("representation", config.representation.steps),
        ("dynamics", config.dynamics.steps),
        ("critic", config.critic.steps),
    ]


def num_parameters(modules: nn.ModuleDict) -> Mapping[str, int]:
    """Trainable numbers of each network."""
    return {
        name: sum(p.numel() for p in module.parameters())
        for name, module in modules.items()
        if name != "target"
    }


def tensor_bytes(tensors: Mapping[str, Tensor]) -> int:
    """Bytes of named tensors on disk."""
    return sum(t.numel() * t.element_size() for t in tensors.values())
