"""A whole training: all phases in order, then read-outs, into one run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from telos.data.recording import Recording
from telos.data.scratch import MEMORY, Room
from telos.data.splits import split_by_episode
from telos.learning.chart import judge_chart
from telos.learning.completion import measure_told
from telos.learning.config import TrainConfig, with_critic
from telos.learning.decoding import Sides, train_decoder
from telos.learning.distributed import ALONE, Team
from telos.learning.latents import encode_recording, prepare_recording, swap_contexts
from telos.learning.loop import (
    Loop,
    Progress,
    newest_checkpoint,
    restore_modules,
    writer,
)
from telos.learning.modules import Modules, build_modules
from telos.learning.outcome import (
    diagnose,
    fit_readouts,
    read_verdicts,
    save_trained,
    save_verdict,
)
from telos.learning.phases import frame_phase, latent_phase, reading_ahead
from telos.learning.pictures import DecoderPhase
from telos.runs import Checkpoint, Interrupt, Run
from telos.runtime import Runtime, return_freed_memory
from telos.types import Verdict
from telos.world_model import JEPA

ON_FRAMES = ("representation", "completion")
ON_LATENTS = ("dynamics", "chart", "critic", "habit")
ORDER = (*ON_FRAMES, *ON_LATENTS)
"""Phases of every training that has use for them."""
SETTLED = ("critic", "habit", DecoderPhase.name)
"""Phases in which it is known what kind of critic there is."""


def phases_of(config: TrainConfig) -> tuple[str, ...]:
    """Names of the phases, in order.

    Only a model of several streams completes, only shortest ways are measured on a
    chart, and a decoder comes if it is wanted.
    """
    wanted = {
        "completion": config.model.completes,
        "chart": config.critic.form in ("auto", "paths"),
    }
    names = tuple(name for name in ORDER if wanted.get(name, True))
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
    room: Room | None = MEMORY,
) -> Episodes:
    """Split by episode, and reduce images.

    Args:
        config: Says how many episodes are held out, and whether actions are shuffled.
        model: Says how images are reduced.
        recording: Episodes, in memory or in their file.
        room: Where reduced images are put, unless they are there already; None leaves
            them where they are.

    Raises:
        OSError: If the room is too small for them.
        ValueError: If a frozen network has to see them, and there is no room.
    """
    if config.shuffle_actions:
        recording = _shuffled(recording, config.seed)
    if room is None and model.reduction.costly:
        raise ValueError(
            "a frozen network would look at every frame in every batch; give a room "
            "(MEMORY, or a Scratch) in which to keep what it saw"
        )
    prepared = prepare_recording(model, recording)
    sides = split_by_episode(recording.num_episodes, config.held_out, seed=config.seed)
    train, held_out = (prepared.select(side) for side in sides)
    if room is not None:
        train, held_out = train.kept(room), held_out.kept(room)
    return Episodes(train=train, held_out=held_out)


def train(
    run: Run,
    config: TrainConfig,
    recording: Recording,
    runtime: Runtime,
    *,
    resume: bool = False,
    room: Room | None = MEMORY,
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
        room: Where reduced images are kept, and later latents. With None each batch of
            images is read from where they are, and latents are in memory. Which of them
            makes no difference to the result.
        team: The processes that train together; the leading one writes the run folder.
        listen: Told of progress.
        say: Told of verdicts, in words.

    Raises:
        BlockingIOError: If another process is training in this folder.
        Interrupted: After Ctrl-C; everything is saved, and `resume` goes on.
        OSError: If the room is too small.
        ValueError: If the processes cannot share a batch evenly.
    """
    with Interrupt() as interrupt, writer(run, team):
        checkpoint = newest_checkpoint(run, team) if resume else None
        if checkpoint is not None and checkpoint.phase in SETTLED:
            config = _as_settled_before(run, config)
        modules = build_modules(config, recording)
        modules.to(runtime.device)
        episodes = split_episodes(config, modules.model, recording, room=room)
        # Only a decoder looks at stored images again. What else of them lies in memory
        # is not needed beside its copies.
        stored = None if config.decoder is None else recording
        del recording
        return_freed_memory()
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
        latents = _run_phases(
            loop, config, modules, episodes, checkpoint, room or MEMORY, say
        )
        if stored is not None:
            if checkpoint is not None and checkpoint.phase != DecoderPhase.name:
                checkpoint = None
            train_decoder(loop, config, modules, latents, stored, checkpoint, say)


def _run_phases(
    loop: Loop,
    config: TrainConfig,
    modules: Modules,
    episodes: Episodes,
    checkpoint: Checkpoint | None,
    room: Room,
    say: Callable[[str], None],
) -> Sides:
    """Train and store everything that acts."""
    order, team = phases_of(config), loop.team
    order = order[order.index(checkpoint.phase) if checkpoint else 0 :]
    for name in order:
        if name in ON_FRAMES:
            _run_on_frames(name, loop, config, modules, episodes, checkpoint, say)
            checkpoint = None
    latents, held_out = (
        swap_contexts(
            encode_recording(modules.model, side, team, room),
            config.model.state_dim,
            config.seed,
            room,
        )
        for side in (episodes.train, episodes.held_out)
    )
    return_freed_memory()
    for name in (name for name in order if name in ON_LATENTS):
        if name == "critic" and config.critic.form == "auto":
            config = _settled(loop, config, modules, held_out, say)
        phase = latent_phase(name, config, modules, latents, team, room)
        loop.run(phase, checkpoint)
        checkpoint = None
        if name == "dynamics" and team.leads:
            verdict = diagnose(modules.model, held_out, config.seed)
            steps = config.representation.steps
            save_verdict(loop.run_folder, "representation", verdict, steps)
            say(f"{verdict.name}: {verdict.text}")
    if team.leads:
        readouts = fit_readouts(latents, held_out, config.seed, room)
        save_trained(loop.run_folder, config, modules, readouts, latents)
    return Sides(train=latents, held_out=held_out)


def _run_on_frames(
    name: str,
    loop: Loop,
    config: TrainConfig,
    modules: Modules,
    episodes: Episodes,
    checkpoint: Checkpoint | None,
    say: Callable[[str], None],
) -> None:
    phase = frame_phase(name, config, modules, episodes.train, loop.team)
    with reading_ahead(phase):
        loop.run(phase, checkpoint)
    if name == "completion":
        verdict = measure_told(modules.model, episodes.held_out)
        if loop.team.leads:
            save_verdict(loop.run_folder, name, verdict, phase.num_steps)
            say(verdict.text)


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


def _shuffled(recording: Recording, seed: int) -> Recording:
    """The control: every action is moved to another frame of the recording."""
    actions = recording.actions.copy()
    real = np.flatnonzero(np.isfinite(actions).all(axis=1))
    actions[real] = actions[np.random.default_rng(seed).permutation(real)]
    return replace(recording, actions=actions)
