"""What a training that watches would do, and about how long it would take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telos.data.splits import split_by_episode
from telos.data.store import EpisodeFile
from telos.learning.loop import make_optimiser, train_step
from telos.learning.watch import begun, prepare, sides, watching_phase
from telos.learning.watch_config import WatchConfig
from telos.learning.watching import WatchingPhase
from telos.runtime import Runtime, peak_memory_bytes

EPISODES = 64
"""Episodes that the timed steps are made on."""
TIMED_STEPS = 5
"""Steps timed, after one that warms up."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A training that watches, foretold."""

    data: str
    world: str
    folder: str
    device: str
    episodes: int
    held_out: int
    """Episodes kept for the verdict."""
    parameters: int
    """Trainable numbers, the objective's included."""
    steps: int
    clips: int
    """Clips that it will see."""
    seconds: float
    """Estimated."""
    memory_bytes: int
    """Estimated peak of the process, with all frames in memory."""

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"data             {self.data} ({self.world}): "
            f"{self.episodes - self.held_out} episodes to train on, {self.held_out} "
            "held out",
            f"parameters       {self.parameters:,}",
            f"watching         {self.steps:,} steps, {self.clips:,} clips",
            f"estimated time   {self.seconds / 60:.1f} min on {self.device}, from "
            f"{TIMED_STEPS} timed steps: a busy machine takes longer",
            f"estimated memory {self.memory_bytes / 2**30:.1f} GiB at its peak",
            f"would write      {self.folder}",
        ]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "estimate": True}


def foretell(
    config: WatchConfig, file: EpisodeFile, folder: Path, runtime: Runtime
) -> Forecast:
    """Time a few steps; writes nothing.

    Args:
        config: Resolved configuration, which `check_watchable` has let pass.
        file: Episodes.
        folder: Run folder that would be made; it is not touched.
        runtime: Where it would run.
    """
    seconds, parameters = step_cost(config, file, runtime)
    _, held_out = split_by_episode(file.num_episodes, config.held_out, seed=config.seed)
    return Forecast(
        data=str(file.path),
        world=file.spec.id,
        folder=str(folder),
        device=runtime.device,
        episodes=file.num_episodes,
        held_out=len(held_out),
        parameters=parameters,
        steps=config.steps,
        clips=config.steps * config.clips,
        seconds=config.steps * seconds,
        memory_bytes=peak_memory_bytes()
        + file.num_frames * int(np.prod(config.model.seen_shape)),
    )


def step_cost(
    config: WatchConfig,
    file: EpisodeFile,
    runtime: Runtime,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[float, int]:
    """Seconds of a step, by a clock, and trainable numbers; writes nothing."""
    train, held_out = split_by_episode(
        file.num_episodes, config.held_out, seed=config.seed
    )
    longest = train[np.argsort(-file.lengths[train], kind="stable")[:EPISODES]]
    chosen = np.union1d(longest, held_out[:1])
    some = file.stream(streams=[config.model.stream]).select(chosen)
    watched = begun(config)
    watched.to(runtime.device)
    subset, _ = sides(config, watched.watcher, some, None)
    phase = watching_phase(watched, config, subset)
    prepare(phase)
    parameters = sum(p.numel() for p in phase.parameters())
    return _seconds_per_step(phase, runtime, clock), parameters


def _seconds_per_step(
    phase: WatchingPhase, runtime: Runtime, clock: Callable[[], float]
) -> float:
    optimiser = make_optimiser(phase)
    began = 0.0
    for step in range(TIMED_STEPS + 1):
        loss, _ = train_step(phase, optimiser, step, runtime)
        phase.after_step(step)
        loss.item()  # waits for a device that works in the background
        if step == 0:
            began = clock()
    return (clock() - began) / TIMED_STEPS
