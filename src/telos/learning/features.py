"""Features of a frozen network, computed once and kept on disk for one training."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from telos.config import atomic_write, remove_leftovers
from telos.data.frames import Frames, LazyFrames, slabs
from telos.data.recording import Recording
from telos.learning.distributed import Team

FOLDER = "features"
"""In the run folder; deleted when the training is done."""


class StoredFrames(LazyFrames):
    """Rows of a .npy file, read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self._rows = np.load(path, mmap_mode="r", allow_pickle=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._rows.shape

    @property
    def dtype(self) -> np.dtype:
        return self._rows.dtype

    def read(self, rows: Int[np.ndarray, " n"]) -> np.ndarray:
        return np.array(self._rows[rows])


def kept_on_disk(
    prepared: Recording, streams: list[str], run: Path, team: Team
) -> Recording:
    """The same recording, with costly streams read from files in the run folder.

    The leading process computes what is not there yet, a slab at a time; what an
    interrupted training of this run has computed is used again.

    Args:
        prepared: Whose streams are computed when they are read.
        streams: Which of them are costly.
        run: The run folder.
        team: The processes that train together.
    """
    observations = dict(prepared.observations)
    for name in streams:
        path = run / FOLDER / f"{name}.npy"
        team.led(lambda path=path, name=name: _write(path, observations[name]))
        observations[name] = StoredFrames(path)
    return replace(prepared, observations=observations)


def forget_features(run: Path) -> None:
    """Delete what `kept_on_disk` has written."""
    shutil.rmtree(run / FOLDER, ignore_errors=True)


def _write(path: Path, frames: Frames) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)

    def write(temporary: Path) -> None:
        rows = np.lib.format.open_memmap(
            temporary, mode="w+", dtype=frames.dtype, shape=frames.shape
        )
        for part in slabs(frames):
            rows[part] = frames[part]
        rows.flush()

    atomic_write(path, write)
