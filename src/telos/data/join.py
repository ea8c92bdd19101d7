"""Writing whole episode files: from memory, and by joining other episode files.

What is compressed in a source stays compressed on its way, wherever its chunks begin at
the same frames as those of the joined file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np

from telos.data.diskfile import DiskFile, atomic_hdf5
from telos.data.opened import damaged, open_hdf5
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
        for source in sources:
            copied = _copy_chunks(source, file, frame, disk)
            rest = [name for name in spec.streams if name not in copied]
            for slab in slabs(source, rest):
                _write_slab(file, slab, frame=frame, episode=episode)
                disk.check()
                frame, episode = frame + slab.num_frames, episode + slab.num_episodes


def slabs(
    source: EpisodeFile, streams: Sequence[str] | None = None
) -> Iterator[Recording]:
    """Read a file a few episodes at a time, and all or some of its streams."""
    group = first_frames(source.lengths) // SLAB_FRAMES
    firsts = np.flatnonzero(np.diff(group, prepend=-1))
    for first, end in zip(firsts, [*firsts[1:], len(group)], strict=True):
        yield source.load(np.arange(first, end), streams)


def _copy_chunks(
    source: EpisodeFile, file: h5py.File, frame: int, disk: DiskFile
) -> list[str]:
    """Copy compressed streams without unpacking them; the names of those copied."""
    copied = []
    with open_hdf5(source.path) as stored:
        for name in source.spec.streams:
            try:
                old = dataset(stored, f"observations/{name}")
                new = dataset(file, f"observations/{name}")
                if not _same_chunks(old, new, frame):
                    continue
                for row in range(0, len(old), rows_of_chunk(old)):
                    _copy_chunk(old, new, row, frame)
                    disk.check()
            except (KeyError, OSError) as error:
                disk.check()
                raise ValueError(damaged(source.path, str(error))) from error
            copied.append(name)
    return copied


def rows_of_chunk(stored: h5py.Dataset) -> int:
    """Rows that are compressed together; all of them where nothing is cut."""
    return stored.chunks[0] if stored.chunks else max(1, len(stored))


def _same_chunks(old: h5py.Dataset, new: h5py.Dataset, frame: int) -> bool:
    """Whether chunks of the one are chunks of the other, ``frame`` rows further on."""
    if old.chunks is None or old.chunks != new.chunks or frame % rows_of_chunk(old):
        return False
    kinds = ((d.dtype, d.compression, d.shuffle, d.fletcher32) for d in (old, new))
    return next(kinds) == next(kinds)


def _copy_chunk(old: h5py.Dataset, new: h5py.Dataset, row: int, frame: int) -> None:
    """The chunk from a row on; the last one may share its room with other frames."""
    end = row + rows_of_chunk(old)
    if end > len(old):
        new[frame + row : frame + len(old)] = old[row:]
        return
    corner = (0,) * (old.ndim - 1)
    mask, content = old.id.read_direct_chunk((row, *corner))
    new.id.write_direct_chunk((frame + row, *corner), content, mask)


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
