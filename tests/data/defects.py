"""Recordings with one defect each, planted where the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from telos.collect import collect
from telos.data import EpisodeFile, Recording
from telos.data.checks import Finding, Sampling, inspect_file
from telos.data.checks.actions import check_actions
from telos.data.checks.alignment import check_alignment
from telos.data.checks.cameras import check_camera
from telos.data.checks.clips import read_clips, read_frames
from telos.data.checks.copies import check_copies
from telos.data.checks.inspection import alignment_sources
from telos.data.checks.sampling import short_clips, whole_episodes
from telos.data.checks.tables import check_lengths, check_seeds, check_values
from telos.data.checks.timing import check_time
from telos.data.join import write_file
from telos.data.preview import image_streams
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


def listed(found: Iterable[Finding]) -> dict[str, Finding]:
    """Findings by their name."""
    return {finding.check: finding for finding in found}


def of_tables(
    recording: Recording, folder: Path, window: int = 4
) -> dict[str, Finding]:
    """What the checks that need no pictures find."""
    file = save(recording, folder / "planted.h5")
    whole = read_clips(file, whole_episodes(file.lengths, 100, FAST))
    seen = read_clips(file, short_clips(file.lengths, FAST))
    return listed(
        [
            *check_values(file, seen),
            *check_lengths(file, window),
            *check_seeds(file),
            *check_time(whole, file.spec, "pixels"),
            *check_actions(whole, file.spec),
        ]
    )


def of_camera(recording: Recording, folder: Path) -> dict[str, Finding]:
    """What the checks of the stream ``pixels`` find."""
    file = save(recording, folder / "planted.h5")
    seen = read_clips(file, short_clips(file.lengths, FAST))
    return listed(check_camera(read_frames(file, "pixels", seen)))


def of_copies(recording: Recording, folder: Path) -> Finding:
    """What the search for copies of episodes finds."""
    (found,) = check_copies(save(recording, folder / "planted.h5"), FAST)
    return found


def of_alignment(recording: Recording, folder: Path) -> dict[str, Finding]:
    """What the checks on alignment find."""
    file = save(recording, folder / "planted.h5")
    seen = read_clips(file, short_clips(file.lengths, FAST))
    frames = [read_frames(file, name, seen) for name in image_streams(file.spec)]
    return listed(check_alignment(alignment_sources(file, frames, FAST)))


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
