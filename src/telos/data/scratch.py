"""Room for what is worked out from a recording: in memory, or in files that vanish.

A training asks a room for arrays and does not know which it is. A `Scratch` gives
arrays that are mapped from files on a disk: random rows are copies out of the system's
page cache, and memory stays bounded, whatever the recording has.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from telos.data.frames import Frames, slabs

GIB = 2**30
BLOCK = bytes(2**20)
"""Written again and again where a system cannot reserve room."""


class Room(Protocol):
    """Where large arrays are put."""

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """A new array that may be written to.

        Raises:
            OSError: If there is no room for it.
        """
        ...

    def keep(self, frames: Frames) -> np.ndarray:
        """All rows of a stream; what lies in this room already is not copied."""
        ...


class Memory:
    """Arrays as usual."""

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """See `Room.zeros`."""
        return np.zeros(shape, dtype)

    def keep(self, frames: Frames) -> np.ndarray:
        """See `Room.keep`."""
        return np.asarray(frames)


MEMORY = Memory()


class Scratch:
    """Arrays in files without a name, in a folder.

    All the room that an array needs is reserved when it is made, so that a full disk is
    an error there and not a crash later. A file is gone from the disk with its array,
    and with the process, however that ends: nothing is left to be cleaned up.

    Args:
        folder: On the disk that the files shall lie on.

    Raises:
        FileNotFoundError: If there is no such folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(
                f"{self.folder} is no folder; make it, or name another one for the "
                "scratch"
            )

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """See `Room.zeros`."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size == 0:
            return np.zeros(shape, dtype)
        with tempfile.TemporaryFile(dir=self.folder, prefix="telos-scratch-") as file:
            try:
                reserve(file.fileno(), size)
            except OSError as error:
                raise self._explain(error, size) from error
            content = mmap.mmap(file.fileno(), size)
        return np.ndarray(shape, dtype, content)

    def keep(self, frames: Frames) -> np.ndarray:
        """See `Room.keep`."""
        if isinstance(frames, np.ndarray) and _is_mapped(frames):
            return frames
        out = self.zeros(tuple(frames.shape), frames.dtype)
        for rows in slabs(frames):
            out[rows] = frames[rows]
        return out

    def _explain(self, error: OSError, size: int) -> OSError:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return error
        free = shutil.disk_usage(self.folder).free
        return OSError(
            error.errno,
            f"the scratch in {self.folder} needs {size / GIB:.2g} GiB more, and "
            f"{free / GIB:.2g} GiB are free on that disk: make room, name a folder on "
            "another disk with --scratch, or do without it (--frames file)",
        )


def reserve(file: int, size: int) -> None:
    """Give an empty file its size, and all of its blocks.

    Raises:
        OSError: If the disk has no room for it.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    for first in range(0, size, len(BLOCK)):
        rest = memoryview(BLOCK)[: size - first]
        while len(rest):
            rest = rest[os.write(file, rest) :]


def _is_mapped(array: np.ndarray) -> bool:
    """Whether an array is a view of a mapped file."""
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return isinstance(owner, mmap.mmap)
