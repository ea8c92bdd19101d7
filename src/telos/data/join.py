"""Writing whole episode files: from memory, and by joining other episode files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np

from telos.data.diskfile import atomic_hdf5
from telos.data.recording import Recording, first_frames
from telos.data.schema import (
    FORMAT,
    VERSION,
    create_datasets,
    dataset,
    spec_to_json,
)
from telos.data.store import EpisodeFile
from telos.envs.world import WorldSpec

SLAB_FRAMES = 2048
"""Frames that are copied at a time, so that memory stays bounded (24 MiB at 64x64)."""


def write_file(
    path: Path, temporary: Path, recording: Recording, collection: str
) -> None:
    """Write a recording as an episode file, atomically.

    Args:
        path: Final name.
        temporary: Name to write under, on the same file system.
        recording: What to write.
        collection: Identity of the collection, see `telos.data.schema`.

    Raises:
        OSError: If the disk is full.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    with atomic_hdf5(path, temporary) as (file, _):
        _write_header(file, recording.spec, created, collection)
        create_datasets(
            file, recording.spec, recording.num_frames, recording.num_episodes
        )
        _write_slab(file, recording, frame=0, episode=0)


def join_files(
    path: Path, temporary: Path, sources: Sequence[EpisodeFile], collection: str
) -> None:
    """Join episode files of one world, in order, into a new file, atomically.

    ``path`` may be one of the sources. Arguments and errors as for `write_file`.
    """
    frames = sum(source.num_frames for source in sources)
    episodes = sum(source.num_episodes for source in sources)
    spec, created = sources[0].spec, sources[0].created
    with atomic_hdf5(path, temporary) as (file, disk):
        _write_header(file, spec, created, collection)
        create_datasets(file, spec, frames, episodes)
        frame, episode = 0, 0
        for slab in slabs(sources):
            _write_slab(file, slab, frame=frame, episode=episode)
            disk.check()
            frame, episode = frame + slab.num_frames, episode + slab.num_episodes


def slabs(sources: Sequence[EpisodeFile]) -> Iterator[Recording]:
    """Read the sources a few episodes at a time."""
    for source in sources:
        group = first_frames(source.lengths) // SLAB_FRAMES
        for number in np.unique(group):
            yield source.load(np.flatnonzero(group == number))


def _write_header(
    file: h5py.File, spec: WorldSpec, created: str, collection: str
) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["version"] = VERSION
    file.attrs["spec"] = spec_to_json(spec)
    file.attrs["created"] = created
    file.attrs["collection"] = collection


def _write_slab(
    file: h5py.File, recording: Recording, *, frame: int, episode: int
) -> None:
    """Put a recording behind what the file holds up to a frame and an episode."""
    frames = slice(frame, frame + recording.num_frames)
    episodes = slice(episode, episode + recording.num_episodes)
    for name, array in recording.observations.items():
        dataset(file, f"observations/{name}")[frames] = array
    for name, array in recording.labels.items():
        dataset(file, f"labels/{name}")[frames] = array
    dataset(file, "actions")[frames] = recording.actions
    dataset(file, "episodes/start")[episodes] = recording.starts + frame
    dataset(file, "episodes/length")[episodes] = recording.lengths
    dataset(file, "episodes/seed")[episodes] = recording.seeds
    layouts = [json.dumps(dict(layout), sort_keys=True) for layout in recording.layouts]
    dataset(file, "episodes/layout")[episodes] = layouts
