"""A whole training: all phases in order, then read-outs, into one run folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from telos.data.recording import Recording
from telos.data.splits import split_by_episode
from telos.data.windows import WindowSampler
from telos.learning.chart import ChartPhase, judge_chart
from telos.learning.config import TrainConfig, with_critic
from telos.learning.critic import CriticPhase
from telos.learning.decoding import Sides, train_decoder
from telos.learning.distributed import ALONE, Team
from telos.learning.dynamics import DynamicsPhase
from telos.learning.features import forget_features, kept_on_disk
from telos.learning.latents import encode_recording, prepare_recording, swap_contexts
from telos.learning.loop import Loop, Phase, Progress, restore_modules
from telos.learning.modules import Modules, build_modules
from telos.learning.outcome import (
    diagnose,
    fit_readouts,
    read_verdicts,
    save_trained,
    save_verdict,
)
from telos.learning.paths import PathsPhase
from telos.learning.pictures import DecoderPhase
from telos.learning.representation import RepresentationPhase
from telos.learning.ways import find_ways
from telos.runs import Checkpoint, Interrupt, Run, sole_writer
from telos.runtime import Runtime
from telos.types import Verdict
from telos.world_model import JEPA

ORDER = ("representation", "dynamics", "chart", "critic")


def phases_of(config: TrainConfig) -> tuple[str, ...]:
    """Names of the phases, in order.

    Only shortest ways are measured on a chart, and a decoder comes if it is wanted.
    """
    drawn = config.critic.form in ("auto", "paths")
    names = tuple(name for name in ORDER if name != "chart" or drawn)
    return names if config.decoder is None else (*names, DecoderPhase.name)


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """Recorded episodes on both sides of the split, images reduced."""

    train: Recording
    held_out: Recording


def split_episodes(
    config: TrainConfig,
    model: JEPA,
    recording: Recording,
    *,
    in_memory: bool = True,
    run: Path | None = None,
    team: Team = ALONE,
) -> Episodes:
    """Split by episode, and reduce images.

    Args:
        config: Says how many episodes are held out, and whether actions are shuffled.
        model: Says how images are reduced.
        recording: Episodes, in memory or in their file.
        in_memory: Read reduced images into memory, where they are not there yet.
        run: Where costly features are kept that are not in memory; nowhere by default.
        team: The processes that train together.
    """
    if config.shuffle_actions:
        recording = _shuffled(recording, config.seed)
    prepared = prepare_recording(model, recording)
    if model.reduction.costly and run is not None and not in_memory:
        images = [n for n, shape in model.config.streams.items() if len(shape) == 3]
        prepared = kept_on_disk(prepared, images, run, team)
    sides = split_by_episode(recording.num_episodes, config.held_out, seed=config.seed)
    train, held_out = (prepared.select(side) for side in sides)
    if in_memory:
        train, held_out = train.in_memory(), held_out.in_memory()
    return Episodes(train=train, held_out=held_out)


def train(
    run: Run,
    config: TrainConfig,
    recording: Recording,
    runtime: Runtime,
    *,
    resume: bool = False,
    in_memory: bool = True,
    team: Team = ALONE,
    listen: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train an agent and store it in the run folder.

    Args:
        run: An open run folder.
        config: Resolved configuration.
        recording: Episodes, frames as stored, in memory or in their file.
        runtime: Device, dtype, threads.
        resume: Go on from the newest checkpoint.
        in_memory: Keep reduced images in memory; else each batch is read from the file.
            Which of the two makes no difference to the result.
        team: The processes that train together; the leading one writes the run folder.
        listen: Told of progress.
        say: Told of verdicts, in words.

    Raises:
        BlockingIOError: If another process is training in this folder.
        Interrupted: After Ctrl-C; everything is saved, and `resume` goes on.
        ValueError: If the processes cannot share a batch evenly.
    """
    with Interrupt() as interrupt, _writer(run, team):
        checkpoint = _checkpoint(run, team) if resume else None
        if checkpoint is not None and checkpoint.phase in ("critic", "decoder"):
            config = _as_settled_before(run, config)
        modules = build_modules(config, recording)
        modules.to(runtime.device)
        episodes = split_episodes(
            config,
            modules.model,
            recording,
            in_memory=in_memory,
            run=run.path,
            team=team,
        )
        if checkpoint is not None:
            restore_modules(modules, checkpoint)
        team.align(modules)
        loop = Loop(
            run_folder=run,
            runtime=runtime,
            modules=modules,
            interrupt=interrupt,
            checkpoint_every=config.checkpoint_every,
            listen=listen,
            team=team,
        )
        latents = _run_phases(loop, config, modules, episodes, checkpoint, say)
        if config.decoder is not None:
            if checkpoint is not None and checkpoint.phase != DecoderPhase.name:
                checkpoint = None
            train_decoder(loop, config, modules, latents, recording, checkpoint, say)
        if team.leads:
            forget_features(run.path)


def _writer(run: Run, team: Team) -> AbstractContextManager:
    """The lock on the run folder, for the process that writes there."""
    return sole_writer(run.path) if team.leads else nullcontext()


def _checkpoint(run: Run, team: Team) -> Checkpoint | None:
    """Where the training goes on; the leading process also cuts the metrics back."""
    return run.resume() if team.leads else run.latest_checkpoint()


def _run_phases(
    loop: Loop,
    config: TrainConfig,
    modules: Modules,
    episodes: Episodes,
    checkpoint: Checkpoint | None,
    say: Callable[[str], None],
) -> Sides:
    """Train and store everything that acts."""
    order, team = phases_of(config), loop.team
    start = order.index(checkpoint.phase) if checkpoint else 0
    if start == 0:
        phase = representation_phase(config, modules, episodes.train, team)
        with phase.reading_ahead():
            loop.run(phase, checkpoint)
        checkpoint = None
    latents, held_out = (
        swap_contexts(
            encode_recording(modules.model, side, team),
            config.model.state_dim,
            config.seed,
        )
        for side in (episodes.train, episodes.held_out)
    )
    later = [name for name in order[max(1, start) :] if name in ORDER]
    for name in later:
        if name == "critic" and config.critic.form == "auto":
            config = _settled(loop, config, modules, held_out, say)
        loop.run(latent_phase(name, config, modules, latents, team), checkpoint)
        checkpoint = None
        if name == "dynamics" and team.leads:
            verdict = diagnose(modules.model, held_out, config.seed)
            steps = config.representation.steps
            save_verdict(loop.run_folder, "representation", verdict, steps)
            say(f"{verdict.name}: {verdict.text}")
    if team.leads:
        readouts = fit_readouts(latents, held_out, config.seed)
        save_trained(loop.run_folder, config, modules, readouts, latents)
    return Sides(train=latents, held_out=held_out)


def _settled(
    loop: Loop,
    config: TrainConfig,
    modules: Modules,
    held_out: Recording,
    say: Callable[[str], None],
) -> TrainConfig:
    """The configuration that says how the critic learns in this world."""

    def judged() -> Verdict:
        chart = judge_chart(modules.chart, modules.model, held_out, seed=config.seed)
        verdict = chart.settles(config.chart.trusted)
        save_verdict(loop.run_folder, "critic", verdict, config.chart.steps)
        say(f"critic: {verdict.text}")
        return verdict

    settled = with_critic(config, loop.team.led(judged).name)
    modules.settle_critic(settled)
    return settled


def _as_settled_before(run: Run, config: TrainConfig) -> TrainConfig:
    """What an interrupted training had settled on: it stored such a critic."""
    for verdict in read_verdicts(run):
        if verdict["about"] == "critic":
            return with_critic(config, verdict["name"])
    return config


def representation_phase(
    config: TrainConfig, modules: Modules, recording: Recording, team: Team = ALONE
) -> RepresentationPhase:
    """Phase 1, on prepared frames.

    Raises:
        ValueError: If no episode is long enough for a window, or the processes cannot
            share a batch evenly.
    """
    settings, model = config.representation, modules.model
    own = team.part(settings.episodes, "representation.episodes")
    sampler = WindowSampler(
        recording,
        length=settings.length + model.history - 1,
        batch=settings.episodes * settings.windows,
        frame_skip=model.frame_skip,
        windows_per_episode=settings.windows,
        seed=config.seed,
        part=slice(own.start * settings.windows, own.stop * settings.windows),
    )
    return RepresentationPhase(
        model, modules.inverse, sampler, settings, seed=config.seed, team=team
    )


def latent_phase(
    name: str,
    config: TrainConfig,
    modules: Modules,
    latents: Recording,
    team: Team = ALONE,
) -> Phase:
    """Phase 2 to 4 (`dynamics`, `chart`, `critic`), on encoded frames.

    A critic that is still to be settled on is taken to learn from shortest ways.

    Raises:
        ValueError: If no episode is long enough for a window.
    """
    model, seed = modules.model, config.seed
    if name == "critic":
        return _critic_phase(config, modules, latents, team)
    if name == "chart":
        return ChartPhase(
            modules.chart, model, latents, config.chart, seed=seed, team=team
        )
    return DynamicsPhase(model, latents, config.dynamics, seed=seed, team=team)


def _critic_phase(
    config: TrainConfig, modules: Modules, latents: Recording, team: Team
) -> CriticPhase | PathsPhase:
    settings, seed = config.critic, config.seed
    skip = modules.model.frame_skip
    if settings.form not in ("auto", "paths"):
        return CriticPhase(
            modules.critic,
            modules.target,
            latents,
            settings,
            frame_skip=skip,
            seed=seed,
            team=team,
        )
    paths = settings.paths
    ways = find_ways(latents, modules.chart, paths, frame_skip=skip, seed=seed)
    return PathsPhase(modules.critic, latents, ways, settings, seed=seed, team=team)


def _shuffled(recording: Recording, seed: int) -> Recording:
    """The control: every action is moved to another frame of the recording."""
    actions = recording.actions.copy()
    real = np.flatnonzero(np.isfinite(actions).all(axis=1))
    actions[real] = actions[np.random.default_rng(seed).permutation(real)]
    return replace(recording, actions=actions)
