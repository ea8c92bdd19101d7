"""Any behaviour in any world, recorded to an episode file.

Episode i of a collection is reset with seed ``seed + i``, and so is its behaviour: what
is recorded depends neither on the number of environments that run together, nor on
interruptions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telos.data.writer import EpisodeWriter
from telos.envs.world import Step, World
from telos.types import Episode, Policy, Streams

Progress = Callable[[int, int, int], None]
"""Called after every step of the batch with what this call has recorded so far:
(episodes, episodes to record in all, steps)."""


@dataclass(frozen=True, kw_only=True)
class CollectSummary:
    """What a collection added."""

    path: Path
    episodes: int
    """Episodes recorded now."""
    found: int
    """Episodes of this collection that an earlier call had recorded."""
    steps: int
    """Steps recorded now."""
    terminated: int
    """Episodes recorded now that ended before the last step."""
    seconds: float


def collect(
    world: World,
    policy: Policy,
    path: str | Path,
    *,
    episodes: int,
    steps: int,
    seed: int = 0,
    append: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> CollectSummary:
    """Record episodes to a file; Ctrl-C keeps the finished ones and is passed on.

    Args:
        world: Batched environments; the batch size does not change the recording.
        policy: Behaviour; its actions are clipped to the world's bounds, and what is
            stored is the clipped action.
        path: Episode file.
        episodes: How many to record, with seeds ``seed`` to ``seed + episodes - 1``.
        steps: Longest episode; an environment that terminates ends its own earlier.
        seed: Seed of the first episode.
        append: Add to an existing file; the seeds must be new in it.
        overwrite: Replace an existing file.
        resume: Record only the episodes whose seeds are not in the file yet.
        progress: Hears how far the collection is.

    Raises:
        ValueError: If a number is below 1, the seeds are in the file already, or the
            world shows something else than its spec says.
        FileExistsError: If the file exists and no way to deal with it was chosen.
        OSError: If the disk is full; finished episodes are kept.
    """
    _check_numbers(episodes, steps, seed)
    began = time.monotonic()
    wanted = range(seed, seed + episodes)
    writer = EpisodeWriter(
        path, world.spec, append=append, overwrite=overwrite, resume=resume
    )
    with writer:
        missing = [s for s in wanted if s not in writer.seeds]
        if append and len(missing) < episodes:
            raise ValueError(_seeds_taken(writer, wanted))
        recorder = _Recorder(world, policy, writer, steps)
        recorder.listen(progress, total=len(missing))
        for first in range(0, len(missing), world.num_envs):
            recorder.record(missing[first : first + world.num_envs])
    return CollectSummary(
        path=Path(path),
        episodes=len(missing),
        found=episodes - len(missing),
        steps=recorder.num_steps,
        terminated=recorder.num_terminated,
        seconds=time.monotonic() - began,
    )


class _Recorder:
    """Runs batches of episodes and hands the finished ones to the writer."""

    def __init__(
        self, world: World, policy: Policy, writer: EpisodeWriter, steps: int
    ) -> None:
        self.world, self.policy, self.writer, self.steps = world, policy, writer, steps
        self.num_episodes = self.num_steps = self.num_terminated = 0
        self._progress: Progress | None = None
        self._total = 0

    def listen(self, progress: Progress | None, total: int) -> None:
        """Report to ``progress``, where ``total`` episodes are to be recorded."""
        self._progress, self._total = progress, total

    def record(self, seeds: Sequence[int]) -> None:
        """Record one episode per seed; the batch is filled up with unused ones."""
        extra = self.world.num_envs - len(seeds)
        padded = [*seeds, *(max(seeds) + 1 + i for i in range(extra))]
        first = self.world.reset(padded)
        self.policy.reset(padded)
        layouts = self.world.layout()
        tape = _Tape(first, self.steps, self.world.spec.action_dim)
        running = np.ones(self.world.num_envs, bool)
        running[len(seeds) :] = False
        self._run(tape, first, running)
        for row, seed in enumerate(seeds):
            self.writer.append(tape.episode(row, seed, layouts[row]))
        self.num_episodes += len(seeds)
        self._report()

    def _run(self, tape: _Tape, now: Step, running: np.ndarray) -> None:
        """Step until every wanted episode has ended."""
        spec, count = self.world.spec, int(running.sum())
        running = running & ~now.terminated
        while running.any() and tape.time < self.steps:
            wished = self.policy.act(now.observations, now.labels)
            actions = np.clip(wished, spec.action_low, spec.action_high)
            actions = actions.astype(np.float32)
            now = self.world.step(actions)
            tape.write(now, actions, running)
            self.num_steps += int(running.sum())
            running = running & ~now.terminated
            self._report()
        ended_early = tape.lengths[:count] < self.steps
        self.num_terminated += int(ended_early.sum())

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(self.num_episodes, self._total, self.num_steps)


class _Tape:
    """Frames and actions of one batch, (B, T+1, ...) and (B, T, A)."""

    def __init__(self, first: Step, steps: int, action_dim: int) -> None:
        num_envs = len(first.terminated)
        self.observations = _blank(first.observations, steps)
        self.labels = _blank(first.labels, steps)
        self.actions = np.empty((num_envs, steps, action_dim), np.float32)
        self.lengths = np.zeros(num_envs, np.int64)
        """Steps of each environment so far."""
        self.time = 0
        self._write_frames(first)

    def write(self, now: Step, actions: np.ndarray, running: np.ndarray) -> None:
        self.actions[:, self.time] = actions
        self.time += 1
        self.lengths[running] = self.time
        self._write_frames(now)

    def episode(self, row: int, seed: int, layout: dict[str, float]) -> Episode:
        length = int(self.lengths[row])
        return Episode(
            observations={
                k: v[row, : length + 1] for k, v in self.observations.items()
            },
            actions=self.actions[row, :length],
            labels={k: v[row, : length + 1] for k, v in self.labels.items()},
            seed=seed,
            layout=layout,
        )

    def _write_frames(self, now: Step) -> None:
        for tape, streams in (
            (self.observations, now.observations),
            (self.labels, now.labels),
        ):
            for name, array in tape.items():
                array[:, self.time] = streams[name]


def _check_numbers(episodes: int, steps: int, seed: int) -> None:
    if episodes < 1 or steps < 1:
        raise ValueError(
            f"{episodes} episodes of {steps} steps: both must be at least 1"
        )
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected 0 or more")


def _blank(streams: Streams, steps: int) -> dict[str, np.ndarray]:
    return {
        name: np.empty((len(array), steps + 1, *array.shape[1:]), array.dtype)
        for name, array in streams.items()
    }


def _seeds_taken(writer: EpisodeWriter, wanted: range) -> str:
    taken = sorted(writer.seeds & set(wanted))
    return (
        f"{writer.path} already holds {len(taken)} episodes with seeds from {taken[0]} "
        f"to {taken[-1]}: append with --seed {max(writer.seeds) + 1} or higher, or "
        "complete the file with --resume"
    )
