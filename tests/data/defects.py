"""Recordings with one defect each, planted where the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from telos.collect import collect
from telos.data import EpisodeFile, Recording
from telos.data.checks import Finding, Sampling, inspect_file
from telos.data.join import write_file
from telos.envs import make_world
from telos.envs.world import StreamSpec, WorldSpec

FAST = Sampling(clips=24, clip_frames=48)


def record(
    path: Path, world: str, *, behaviour: str = "random", seed: int = 0, **sizes: int
) -> Recording:
    """Collect a recording in one of our worlds."""
    sizes = {"episodes": 24, "steps": 40, **sizes}
    made = make_world(world, num_envs=min(24, sizes["episodes"]))
    collect(made, made.behaviour(behaviour), path, seed=seed, **sizes)
    made.close()
    return EpisodeFile(path).load()


def save(recording: Recording, path: Path) -> EpisodeFile:
    """Write a recording as it is, without the checks of a writer."""
    write_file(path, path.with_suffix(".tmp"), recording, "planted")
    return EpisodeFile(path)


def findings(
    recording: Recording, folder: Path, **options: object
) -> dict[str, Finding]:
    """Every finding by its name."""
    file = save(recording, folder / "planted.h5")
    inspection = inspect_file(file, **{"sampling": FAST, **options})  # type: ignore[arg-type]
    named = {finding.check: finding for finding in inspection.findings}
    assert len(named) == len(inspection.findings)
    return named


def change(recording: Recording, **arrays: object) -> Recording:
    """A copy with other arrays."""
    return Recording(**{**vars(recording), **arrays})


def with_spec(recording: Recording, **fields: object) -> Recording:
    return change(recording, spec=replace(recording.spec, **fields))


def with_label(
    recording: Recording, name: str, values: np.ndarray, dtype: str = "float64"
) -> Recording:
    """Add a label of one number per frame."""
    spec = recording.spec
    labels = {**spec.labels, name: StreamSpec(shape=(), dtype=dtype, unit="s")}
    return change(
        recording,
        labels={**recording.labels, name: values.astype(dtype)},
        spec=replace(spec, labels=labels),
    )


def with_pixels(
    recording: Recording, edit: Callable[[np.ndarray], None], stream: str = "pixels"
) -> Recording:
    """Edit a copy of all frames in place."""
    frames = recording.observations[stream].copy()
    edit(frames)
    return change(recording, observations={**recording.observations, stream: frames})


def shifted(recording: Recording, rows: int) -> Recording:
    """Actions stored ``rows`` rows late (early if negative); gaps are filled with 0."""
    stored = np.full_like(recording.actions, np.nan)
    for start, end in spans(recording):
        own = recording.actions[start : end - 1]
        late = np.zeros_like(own)
        for row in range(len(own)):
            if 0 <= row - rows < len(own):
                late[row] = own[row - rows]
        stored[start : end - 1] = late
    return change(recording, actions=stored)


def spans(recording: Recording) -> Iterator[tuple[int, int]]:
    """First row and end of every episode."""
    for start, length in zip(recording.starts, recording.lengths, strict=True):
        yield int(start), int(start + length)


def only(recording: Recording, *streams: str) -> Recording:
    """Without labels, and with some observation streams alone."""
    spec: WorldSpec = recording.spec
    return change(
        recording,
        labels={},
        observations={name: recording.observations[name] for name in streams},
        spec=replace(
            spec, labels={}, streams={name: spec.streams[name] for name in streams}
        ),
    )


def times(recording: Recording, period: float = 0.1) -> np.ndarray:
    """Regular time stamps that start anew in every episode, seconds."""
    within = np.arange(recording.num_frames) - np.repeat(
        recording.starts, recording.lengths
    )
    return period * within
