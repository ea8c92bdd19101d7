"""A training that watches, from episodes to a stored watcher."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from telos.config import to_dict
from telos.data.frames import MappedFrames, select_rows
from telos.data.prefetch import Batches, Prefetch
from telos.data.recording import Recording
from telos.data.scratch import MEMORY, Room
from telos.data.splits import split_by_episode
from telos.data.windows import WindowSampler
from telos.learning.causal_watched import CausalWatched
from telos.learning.diagnostics import judge, measure
from telos.learning.distributed import ALONE, Team
from telos.learning.loop import (
    Loop,
    Progress,
    newest_checkpoint,
    restore_modules,
    writer,
)
from telos.learning.outcome import save_verdict
from telos.learning.sight import skill
from telos.learning.taught import Watched, calibrate
from telos.learning.watch_config import WatchConfig
from telos.learning.watched import load_watcher, untrained_watched
from telos.learning.watching import WatchingPhase
from telos.runs import Interrupt, Run
from telos.runtime import Runtime, return_freed_memory
from telos.types import Verdict, Window
from telos.world_model.masked_watcher import MaskedWatcher
from telos.world_model.watcher import Watcher

CALIBRATION_BATCHES = 8
"""Batches that statistics are taken from, at the end and of a frozen teacher."""
FITTED_ON = 2048
"""Frames that an objective may look at before training begins."""
JUDGED = 128
"""Held-out clips that a verdict is measured on."""


def watch(
    run: Run,
    config: WatchConfig,
    recording: Recording,
    runtime: Runtime,
    *,
    resume: bool = False,
    room: Room | None = MEMORY,
    team: Team = ALONE,
    listen: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train a watcher and store it in the run folder.

    Args:
        run: An open run folder.
        config: Resolved configuration.
        recording: Episodes, frames as stored, in memory or in their file.
        runtime: Device, dtype, threads.
        resume: Go on from the newest checkpoint.
        room: Where reduced frames are kept; with None each batch is read from where
            they are. It makes no difference to the result.
        team: The processes that train together; the leading one writes the run folder.
        listen: Told of progress.
        say: Told of the verdict, in words.

    Raises:
        BlockingIOError: If another process is training in this folder.
        Interrupted: After Ctrl-C; everything is saved, and `resume` goes on.
        OSError: If the room is too small.
        ValueError: If the processes cannot share a batch evenly.
    """
    with Interrupt() as interrupt, writer(run, team):
        checkpoint = newest_checkpoint(run, team) if resume else None
        watched = begun(config)
        train, held_out = sides(config, watched.watcher, recording, room)
        del recording
        return_freed_memory()
        phase = watching_phase(watched, config, train, team)
        watched.to(runtime.device)
        prepare(phase, load_watcher(config.teacher) if config.teacher else None)
        if checkpoint is not None:
            restore_modules(watched, checkpoint)
        team.align(watched)
        loop = Loop(
            run_folder=run,
            runtime=runtime,
            modules=watched,
            interrupt=interrupt,
            checkpoint_every=config.checkpoint_every,
            listen=listen,
            team=team,
        )
        sampler = phase.sampler
        with Prefetch(sampler.batch, end=config.steps) as phase.sampler:
            loop.run(phase, checkpoint)
        phase.sampler = sampler
        settle(phase)
        verdict = assess(watched, config, held_out)
        if team.leads:
            save_verdict(run, phase.name, verdict, config.steps)
            save_watched(run, config, watched)
            say(f"{verdict.name}: {verdict.text}")


def begun(config: WatchConfig) -> Watched:
    """The networks that a training begins with."""
    return untrained_watched(
        config.model, config.objective, seed=config.seed, steps=config.steps
    )


def sides(
    config: WatchConfig,
    watcher: Watcher | MaskedWatcher,
    recording: Recording,
    room: Room | None,
) -> tuple[Recording, Recording]:
    """Episodes to train on and held out, frames reduced."""
    name = config.model.stream
    seen = MappedFrames(recording.observations[name], watcher.reduced)
    prepared = replace(recording, observations={name: seen}, labels={})
    split = split_by_episode(recording.num_episodes, config.held_out, seed=config.seed)
    train, held_out = (prepared.select(side) for side in split)
    if config.shuffle_frames:
        train = _shuffled(train, config.seed)
    if room is not None:
        train, held_out = train.kept(room), held_out.kept(room)
    return train, held_out


def watching_phase(
    watched: Watched, config: WatchConfig, recording: Recording, team: Team = ALONE
) -> WatchingPhase:
    """The phase, on prepared frames.

    Raises:
        ValueError: If no episode is long enough, or the processes cannot share a batch.
    """
    part = team.part(config.clips, "clips")
    sampler = clips_of(recording, config, config.clips, part)
    return WatchingPhase(watched, sampler, config, team=team)


def clips_of(
    recording: Recording, config: WatchConfig, count: int, part: slice = slice(None)
) -> Batches:
    """Clips as the training cuts them."""
    sampler = WindowSampler(
        recording,
        # A window has a frame more than transitions, and an image is a clip of one.
        length=max(1, config.length - 1),
        batch=count,
        frame_skip=config.frame_skip,
        seed=config.seed,
        part=part,
    )
    return FirstFrames(sampler) if config.length == 1 else sampler


@dataclass(frozen=True)
class FirstFrames:
    """Windows of which one frame is left: images."""

    windows: WindowSampler

    def batch(self, step: int) -> Window:
        """The batch of a training step."""
        window = self.windows.batch(step)
        seen = {name: frames[:, :1] for name, frames in window.observations.items()}
        return replace(window, observations=seen)


def prepare(phase: WatchingPhase, teacher: Watched | None = None) -> None:
    """What has to be known before the first step.

    A frozen teacher is the encoder of another run, or of this one as it begins, with
    statistics of its own; an objective may want to look at pictures.

    Raises:
        ValueError: If the teacher's encoder is of another shape.
    """
    watched = phase.watched
    if watched.objective.target == "frozen" and watched.taught_by is not None:
        if teacher is None:
            calibrate(watched.taught_by, _batches(phase), phase.team)
        else:
            _take_over(watched.taught_by, teacher.watcher.encoder)
    if watched.objective.target == "pixels" and isinstance(watched, CausalWatched):
        frames = torch.cat([phase.team.gather(own) for own in _batches(phase)])
        some = frames.flatten(0, 1)[:FITTED_ON].float() / 255
        draw = torch.Generator().manual_seed(phase.config.seed)
        watched.objective.fit(some, draw)


def settle(phase: WatchingPhase) -> None:
    """Statistics of the final weights, in place of a moving average."""
    watched = phase.watched
    calibrate(watched.watcher.encoder, _batches(phase), phase.team)
    if watched.objective.target == "ema" and watched.taught_by is not None:
        calibrate(watched.taught_by, _batches(phase), phase.team)


@torch.no_grad()
def assess(watched: Watched, config: WatchConfig, held_out: Recording) -> Verdict:
    """The collapse verdict on held-out clips, by the statistics of the training."""
    sampler = clips_of(held_out, config, min(JUDGED, 8 * held_out.num_episodes))
    watched.eval()
    sight = WatchingPhase(watched, sampler, config).look(0)
    found = skill(watched.objective, sight)
    return judge(measure(sight.latents, config.model.dim, found))


def save_watched(run: Run, config: WatchConfig, watched: Watched) -> None:
    """Write the final model."""
    run.save_model(
        watched.state_dict(),
        {"watched": watched.description(), "config": to_dict(config)},
    )


def _batches(phase: WatchingPhase) -> Iterable[Tensor]:
    """Frames of some batches, this process's part of them."""
    watcher = phase.watched.watcher
    sampler = phase.sampler
    for step in range(CALIBRATION_BATCHES):
        seen = sampler.batch(step).observations[watcher.config.stream]
        yield seen.to(watcher.device)


def _take_over(module: torch.nn.Module, encoder: torch.nn.Module) -> None:
    try:
        module.load_state_dict(encoder.state_dict())
    except RuntimeError as mismatch:
        raise ValueError(
            "the teacher's encoder is not built like this watcher's; train both with "
            f"the same size, backbone and images: {mismatch}"
        ) from None


def _shuffled(recording: Recording, seed: int) -> Recording:
    """The control: frames of an episode in random order."""
    rng = np.random.default_rng((seed, 3))
    rows = np.concatenate(
        [
            start + rng.permutation(length)
            for start, length in zip(recording.starts, recording.lengths, strict=True)
        ]
    )
    seen = {n: select_rows(v, rows) for n, v in recording.observations.items()}
    return replace(recording, observations=seen)
