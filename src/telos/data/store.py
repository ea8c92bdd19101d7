"""Reading an episode file; `telos.data.schema` documents what is inside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from telos.data.frames import Frames
from telos.data.opened import OpenedFile, damaged, open_hdf5
from telos.data.recording import Recording, check_indices, first_frames
from telos.data.schema import (
    COMPRESS_FROM,
    FORMAT,
    VERSION,
    dataset,
    spec_from_json,
    spec_to_json,
)
from telos.data.stored import StoredFrames
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode

DIGEST_FRAMES = 64
"""Frames of each image stream that enter the digest."""


class EpisodeFile:
    """An episode file, checked when it is opened.

    The tables of episodes are read at once; frames are read on request, and no file
    handle is kept, so that an object can be copied to another process.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is truncated, damaged or of another format.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with open_hdf5(self.path) as file:
            _check_header(self.path, file)
            try:
                self._read_tables(file)
            except (KeyError, OSError, json.JSONDecodeError) as error:
                raise ValueError(damaged(self.path, str(error))) from error

    def _read_tables(self, file: h5py.File) -> None:
        self.spec: WorldSpec = spec_from_json(str(file.attrs["spec"]))
        self.created = str(file.attrs["created"])
        self.collection = str(file.attrs["collection"])
        self.starts: np.ndarray = dataset(file, "episodes/start")[:]
        self.lengths: np.ndarray = dataset(file, "episodes/length")[:]
        self.seeds: np.ndarray = dataset(file, "episodes/seed")[:]
        texts = dataset(file, "episodes/layout").asstr()[:]
        # Equal layouts are one object: a recording may have a million episodes of few.
        layouts = {text: json.loads(text) for text in set(texts)}
        self.layouts: tuple[Mapping[str, float], ...] = tuple(
            layouts[text] for text in texts
        )
        self.num_frames = len(dataset(file, "actions"))
        whole = np.array_equal(self.starts, first_frames(self.lengths))
        if not whole or self.lengths.sum() != self.num_frames:
            raise ValueError(damaged(self.path, "the episode table does not add up"))

    @property
    def num_episodes(self) -> int:
        return len(self.lengths)

    def episode(self, index: int) -> Episode:
        """Read one episode."""
        return self.load([index]).episode(0)

    def load(
        self,
        episodes: Sequence[int] | np.ndarray | None = None,
        streams: Sequence[str] | None = None,
    ) -> Recording:
        """Read episodes into memory, in the order given.

        Args:
            episodes: Indices; all by default.
            streams: Observation streams to read; all by default. Labels always come.

        Raises:
            ValueError: If an index or stream does not exist, or reading fails.
        """
        count = self.num_episodes
        wanted = range(count) if episodes is None else episodes
        chosen = check_indices(np.asarray(wanted), count)
        names = self._check_streams(streams)
        runs = list(_runs(self.starts[chosen], self.lengths[chosen]))
        with open_hdf5(self.path) as file:
            try:
                observations = {
                    n: _read(dataset(file, f"observations/{n}"), runs) for n in names
                }
                labels = {
                    n: _read(dataset(file, f"labels/{n}"), runs)
                    for n in self.spec.labels
                }
                actions = _read(dataset(file, "actions"), runs)
            except (KeyError, OSError) as error:
                raise ValueError(damaged(self.path, str(error))) from error
        return Recording(
            observations=observations,
            labels=labels,
            actions=actions,
            starts=first_frames(self.lengths[chosen]),
            lengths=self.lengths[chosen],
            seeds=self.seeds[chosen],
            layouts=tuple(self.layouts[i] for i in chosen),
            spec=self.spec,
        )

    def stream(self, streams: Sequence[str] | None = None) -> Recording:
        """All episodes, with images left in the file.

        What has less than 1 KiB per frame is read into memory, as it is by `load`. All
        other frames are read when they are asked for, from a file that stays open.

        Args:
            streams: Observation streams; all by default. Labels always come.

        Raises:
            ValueError: If a stream does not exist, or reading fails.
        """
        file, names = OpenedFile(self.path), self._check_streams(streams)
        try:
            return Recording(
                observations={n: _frames(file, f"observations/{n}") for n in names},
                labels={n: _frames(file, f"labels/{n}") for n in self.spec.labels},
                actions=np.asarray(StoredFrames(file, "actions")),
                starts=self.starts,
                lengths=self.lengths,
                seeds=self.seeds,
                layouts=self.layouts,
                spec=self.spec,
            )
        except KeyError as error:
            raise ValueError(damaged(self.path, str(error))) from error

    def read(self, name: str, ranges: Sequence[tuple[int, int]]) -> np.ndarray:
        """Read rows of one dataset and nothing else.

        Args:
            name: ``actions``, ``observations/<stream>`` or ``labels/<name>``.
            ranges: (first, end) rows of the file, read in this order and joined.

        Raises:
            ValueError: If there is no such dataset, a range leaves the file, or reading
                fails.
        """
        known = ["actions", *(f"{g}/{n}" for g, s in self._groups().items() for n in s)]
        if name not in known:
            raise ValueError(f"{self.path} has no dataset {name!r}; it has {known}")
        for first, end in ranges:
            if not 0 <= first <= end <= self.num_frames:
                raise ValueError(
                    f"rows {first} to {end} of {self.path} were asked for; it has "
                    f"{self.num_frames}, numbered from 0"
                )
        with open_hdf5(self.path) as file:
            try:
                return _read(dataset(file, name), ranges)
            except (KeyError, OSError) as error:
                raise ValueError(damaged(self.path, str(error))) from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, whatever order of writes led to it.

        Covers in full: spec, episode tables, layouts, actions, and every stream below
        1 KiB per frame. Of larger streams it covers 64 frames, evenly spaced from the
        first to the last, which keeps it cheap; it identifies a recording and is no
        protection against one who edits single frames on purpose.
        """
        digest = hashlib.sha256(spec_to_json(self.spec).encode())
        for table in (self.lengths, self.seeds):
            digest.update(np.ascontiguousarray(table, "<i8").tobytes())
        digest.update(json.dumps(self.layouts, sort_keys=True).encode())
        with open_hdf5(self.path) as file:
            digest.update(dataset(file, "actions")[:].tobytes())
            for group, streams in self._groups().items():
                for name in sorted(streams):
                    digest.update(
                        _sample(dataset(file, f"{group}/{name}"), streams[name])
                    )
        return digest.hexdigest()

    def _groups(self) -> dict[str, Mapping[str, StreamSpec]]:
        return {"observations": self.spec.streams, "labels": self.spec.labels}

    def _check_streams(self, streams: Sequence[str] | None) -> list[str]:
        names = list(self.spec.streams if streams is None else streams)
        unknown = sorted(set(names) - set(self.spec.streams))
        if unknown:
            raise ValueError(
                f"{self.path} has no observation streams {unknown}; "
                f"it has {sorted(self.spec.streams)}"
            )
        return names


def _frames(file: OpenedFile, name: str) -> Frames:
    """A stream in the file if its frames lie in chunks there, as images do."""
    stored = StoredFrames(file, name)
    return np.asarray(stored) if file.dataset(name).chunks is None else stored


def _runs(starts: np.ndarray, lengths: np.ndarray) -> Iterator[tuple[int, int]]:
    """Merge neighbouring episodes into (first, end) ranges of frames."""
    first, end = int(starts[0]), int(starts[0] + lengths[0])
    for start, length in zip(starts[1:], lengths[1:], strict=True):
        if start != end:
            yield first, end
            first = int(start)
        end = int(start + length)
    yield first, end


def _read(source: h5py.Dataset, runs: Sequence[tuple[int, int]]) -> np.ndarray:
    total = sum(end - first for first, end in runs)
    out = np.empty((total, *source.shape[1:]), source.dtype)
    row = 0
    for first, end in runs:
        stop = row + end - first
        source.read_direct(out, np.s_[first:end], np.s_[row:stop])
        row = stop
    return out


def _sample(source: h5py.Dataset, stream: StreamSpec) -> bytes:
    """What of a stream enters the digest; always whole frames in file order."""
    frame_bytes = int(np.prod(stream.shape)) * np.dtype(stream.dtype).itemsize
    if frame_bytes < COMPRESS_FROM:
        return source[:].tobytes()
    rows = np.unique(np.linspace(0, len(source) - 1, DIGEST_FRAMES).astype(np.int64))
    return b"".join(source[row].tobytes() for row in rows)


def is_episode_file(path: Path) -> bool:
    """Whether a path is an HDF5 file that says so, whole or not."""
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("format") == FORMAT
    except OSError:
        return False


def _check_header(path: Path, file: h5py.File) -> None:
    found = file.attrs.get("format")
    if found != FORMAT:
        raise ValueError(
            f"{path} is HDF5 but no episode file: attribute 'format' is {found!r}, "
            f"expected {FORMAT!r} (it contains {sorted(file)[:8]}); record one with "
            "`telos collect`"
        )
    version = int(file.attrs.get("version", 0))
    if version > VERSION:
        raise ValueError(
            f"{path} has format version {version}, this telos reads up to {VERSION}; "
            "upgrade telos"
        )
