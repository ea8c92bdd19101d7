"""Phases by name: networks, frames or latents, and settings put together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from telos.data.prefetch import Prefetch
from telos.data.recording import Recording
from telos.data.scratch import MEMORY, Room
from telos.data.windows import WindowSampler
from telos.learning.chart import ChartPhase
from telos.learning.completion import CompletionPhase
from telos.learning.config import TrainConfig
from telos.learning.critic import CriticPhase
from telos.learning.distributed import ALONE, Team
from telos.learning.dynamics import DynamicsPhase
from telos.learning.habit import HabitPhase
from telos.learning.loop import Phase
from telos.learning.modules import Modules
from telos.learning.paths import PathsPhase
from telos.learning.representation import RepresentationPhase
from telos.learning.ways import find_ways


def frame_phase(
    name: str,
    config: TrainConfig,
    modules: Modules,
    recording: Recording,
    team: Team = ALONE,
) -> RepresentationPhase | CompletionPhase:
    """Phases `representation` and `completion`, on prepared frames.

    Raises:
        ValueError: If no episode is long enough for a window, or the processes cannot
            share a batch evenly.
    """
    if name == "completion":
        return _completion_phase(config, modules, recording, team)
    return representation_phase(config, modules, recording, team)


@contextmanager
def reading_ahead(phase: RepresentationPhase | CompletionPhase) -> Iterator[None]:
    """Have a thread cut the windows of coming steps meanwhile."""
    sampler = phase.sampler
    try:
        with Prefetch(sampler.batch, end=phase.num_steps) as phase.sampler:
            yield
    finally:
        phase.sampler = sampler


def representation_phase(
    config: TrainConfig, modules: Modules, recording: Recording, team: Team = ALONE
) -> RepresentationPhase:
    """The first phase, on prepared frames.

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


def _completion_phase(
    config: TrainConfig, modules: Modules, recording: Recording, team: Team
) -> CompletionPhase:
    settings = config.completion
    sampler = WindowSampler(
        recording,
        length=1,
        batch=settings.batch,
        frame_skip=config.model.frame_skip,
        seed=config.seed,
        part=team.part(settings.batch, "completion.batch"),
    )
    return CompletionPhase(
        modules.model, sampler, settings, seed=config.seed, team=team
    )


def latent_phase(
    name: str,
    config: TrainConfig,
    modules: Modules,
    latents: Recording,
    team: Team = ALONE,
    room: Room = MEMORY,
) -> Phase:
    """Phase 2 to 5 (`dynamics`, `chart`, `critic`, `habit`), on encoded frames.

    A critic that is still to be settled on is taken to learn from shortest ways.

    Raises:
        ValueError: If no episode is long enough for a window.
    """
    model, seed = modules.model, config.seed
    if name == "critic":
        return _critic_phase(config, modules, latents, team, room)
    if name == "chart":
        return ChartPhase(
            modules.chart, model, latents, config.chart, seed=seed, team=team
        )
    if name == "habit":
        skip = model.frame_skip
        return HabitPhase(
            modules.habit, latents, config.habit, frame_skip=skip, seed=seed, team=team
        )
    return DynamicsPhase(model, latents, config.dynamics, seed=seed, team=team)


def _critic_phase(
    config: TrainConfig, modules: Modules, latents: Recording, team: Team, room: Room
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
    ways = find_ways(
        latents, modules.chart, paths, frame_skip=skip, seed=seed, room=room
    )
    return PathsPhase(modules.critic, latents, ways, settings, seed=seed, team=team)
