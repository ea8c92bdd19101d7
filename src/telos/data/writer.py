"""Writing an episode file so that nothing finished is ever lost.

Episodes are buffered, then stored in part files (each one a small episode file) in
the folder ``<name>.h5.parts``; closing joins the existing file, if it is kept, and the
parts into one new file that replaces the old one in a single operation; a single part
becomes the file. A kill at any moment loses at most the buffered part, and a new writer
with ``resume`` finds the rest.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from pathlib import Path
from types import TracebackType

import numpy as np

from telos.data.join import join_files, write_file
from telos.data.recording import Recording
from telos.data.schema import CHUNK_FRAMES, parts_folder, spec_difference
from telos.data.store import EpisodeFile
from telos.data.validation import validate_episode
from telos.envs.world import WorldSpec
from telos.types import Episode

MANIFEST = "collection.json"
"""Says, beside the parts, which collection they belong to."""
PART_BYTES = 64 * 2**20
"""Bytes of episodes after which a part is written."""
PART_SECONDS = 30.0
"""Age of the oldest buffered episode after which a part is written."""


class EpisodeWriter:
    """Append episodes to a file; use as a context manager.

    Leaving the block closes the file. After Ctrl-C the finished episodes are still
    joined into the file; after another error they stay in the parts folder.

    Args:
        path: File to write.
        spec: World that the episodes come from; each episode is checked against it.
        append: Add to an existing file of the same world.
        overwrite: Replace an existing file, and drop an interrupted collection.
        resume: Go on with an interrupted collection, or with a file that is not
            complete yet; starts a new one where there is neither.

    Raises:
        FileExistsError: If there is a file or an interrupted collection already and
            none of the three was asked for.
        ValueError: If more than one was asked for, or the existing episodes come from
            another world.
    """

    def __init__(
        self,
        path: str | Path,
        spec: WorldSpec,
        *,
        append: bool = False,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        if append + overwrite + resume > 1:
            raise ValueError("choose one of append, overwrite and resume")
        self.path, self.spec = Path(path), spec
        self._folder = parts_folder(self.path)
        self._buffer: list[tuple[float, Episode]] = []
        """Episodes, each with the time when it came."""
        self._buffered_bytes = 0
        _drop_finished_parts(self.path, self._folder)
        if overwrite:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._refuse_existing(append, overwrite, resume)
        self._collection, self._keep = _manifest(self._folder, keep=not overwrite)
        stored = self._sources()
        self._check_worlds(stored)
        self._seeds = {int(seed) for file in stored for seed in file.seeds}
        self._num_episodes = sum(file.num_episodes for file in stored)
        self._stored_frames = sum(file.num_frames for file in stored)

    @property
    def seeds(self) -> frozenset[int]:
        """Seeds of all episodes that the closed file would hold."""
        return frozenset(self._seeds)

    @property
    def num_episodes(self) -> int:
        """Episodes that the closed file would hold."""
        return self._num_episodes

    def append(self, episode: Episode) -> None:
        """Check an episode and add a copy of it.

        Raises:
            ValueError: If it contradicts the world's spec.
            OSError: If the disk is full.
        """
        validate_episode(episode, self.spec)
        copy, now = _copy(episode), time.monotonic()
        self._buffer.append((now, copy))
        self._buffered_bytes += _num_bytes(copy)
        self._seeds.add(episode.seed)
        self._num_episodes += 1
        age = now - self._buffer[0][0]
        if self._buffered_bytes >= PART_BYTES or age >= PART_SECONDS:
            self._store(self._in_whole_chunks())

    def flush(self) -> None:
        """Store the buffered episodes as a finished part."""
        if self._buffer:
            self._store(len(self._buffer))

    def _store(self, count: int) -> None:
        """Store the first so many of the buffered episodes as a finished part."""
        episodes = [episode for _, episode in self._buffer[:count]]
        recording = Recording.from_episodes(episodes, self.spec)
        _write_manifest(self._folder, self._collection, self._keep)
        part = self._folder / f"{len(self._parts()):06d}.h5"
        write_file(part, part.with_suffix(".tmp"), recording, self._collection)
        self._stored_frames += recording.num_frames
        self._buffer = self._buffer[count:]
        self._buffered_bytes = sum(_num_bytes(episode) for _, episode in self._buffer)

    def _in_whole_chunks(self) -> int:
        """How many buffered episodes to store, so that the next part begins a chunk.

        Chunks of that part are then copied as they are when the file is closed. All of
        them, where no number of episodes ends with a chunk.
        """
        lengths = [episode.num_steps + 1 for _, episode in self._buffer]
        ends = self._stored_frames + np.cumsum(lengths)
        whole = np.flatnonzero(ends % CHUNK_FRAMES == 0)
        return int(whole[-1]) + 1 if len(whole) else len(lengths)

    def close(self) -> None:
        """Join everything into the file; without new episodes the file stays as it is.

        Raises:
            OSError: If the disk is full; the parts stay, and so does the old file.
        """
        self.flush()
        parts = self._parts()
        if not parts:
            return
        sources = self._sources()
        if len(sources) == 1:
            parts[0].replace(self.path)
        else:
            temporary = self._folder / "joined.tmp"
            join_files(self.path, temporary, sources, self._collection)
        shutil.rmtree(self._folder)

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):
            self.close()
        elif not isinstance(error, OSError):  # a full disk cannot take the buffer
            self.flush()

    def _parts(self) -> list[Path]:
        return sorted(self._folder.glob("*.h5"))

    def _sources(self) -> list[EpisodeFile]:
        """What the closed file is made of, in order."""
        kept = [self.path] if self._keep and self.path.exists() else []
        return [EpisodeFile(path) for path in (*kept, *self._parts())]

    def _refuse_existing(self, append: bool, overwrite: bool, resume: bool) -> None:
        if self._folder.is_dir() and not resume:
            raise FileExistsError(
                f"an interrupted collection lies in {self._folder}: continue with "
                "--resume, or delete that folder to drop it"
            )
        if self.path.exists() and not (append or overwrite or resume):
            raise FileExistsError(
                f"{self.path} exists: add episodes with --append, complete it with "
                "--resume or replace it with --overwrite"
            )

    def _check_worlds(self, stored: list[EpisodeFile]) -> None:
        for file in stored:
            difference = spec_difference(file.spec, self.spec)
            if difference:
                raise ValueError(
                    f"{file.path} was recorded in another world: {difference}; "
                    "choose another file"
                )


def _manifest(folder: Path, *, keep: bool) -> tuple[str, bool]:
    """How an interrupted collection was begun, or how a new one begins.

    Returns:
        Identity of the collection, and whether the existing file is kept.
    """
    manifest = folder / MANIFEST
    if not manifest.exists():
        return uuid.uuid4().hex, keep
    fields = json.loads(manifest.read_text(encoding="utf-8"))
    return fields["id"], fields["keep"]


def _write_manifest(folder: Path, collection: str, keep: bool) -> None:
    manifest = folder / MANIFEST
    if manifest.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    temporary = manifest.with_suffix(".tmp")
    fields = {"id": collection, "keep": keep}
    temporary.write_text(json.dumps(fields), encoding="utf-8")
    temporary.replace(manifest)


def _drop_finished_parts(path: Path, folder: Path) -> None:
    """Remove parts that a writer killed at its very end had already joined."""
    if not (path.exists() and (folder / MANIFEST).exists()):
        return
    collection, _ = _manifest(folder, keep=True)
    if EpisodeFile(path).collection == collection:
        shutil.rmtree(folder)


def _copy(episode: Episode) -> Episode:
    return Episode(
        observations={k: np.array(v) for k, v in episode.observations.items()},
        actions=np.array(episode.actions),
        labels={k: np.array(v) for k, v in episode.labels.items()},
        seed=int(episode.seed),
        layout={name: float(value) for name, value in episode.layout.items()},
    )


def _num_bytes(episode: Episode) -> int:
    streams = (*episode.observations.values(), *episode.labels.values())
    return episode.actions.nbytes + sum(array.nbytes for array in streams)
