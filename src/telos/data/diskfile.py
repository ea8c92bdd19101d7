"""Writing HDF5 so that neither a full disk nor a kill leaves a damaged file behind.

When a write fails below the HDF5 library, it cannot close its file any more and brings
the process down at exit. `DiskFile` therefore stands between the two: it remembers the
first failure, holds everything written after it in memory, so that HDF5 still reads
what it wrote, and reports the failure between two writes or once HDF5 has closed.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py


class DiskFile(io.RawIOBase):
    """A file for h5py whose writes never fail; see `check`."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._raw = open_raw(path)
        self._held: list[tuple[int, bytes]] = []
        """Offset and content of the writes since the failure, oldest first."""
        self.error: OSError | KeyboardInterrupt | None = None

    def check(self) -> None:
        """Raise what went wrong so far; call it often, to hold little in memory."""
        if self.error is not None:
            raise self.error

    def sync(self) -> None:
        """Force everything to the disk, or raise what went wrong before."""
        self.check()
        os.fsync(self._raw.fileno())

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def truncate(self, size: int | None = None, /) -> int:
        return self._raw.truncate(size)

    def write(self, data: bytes, /) -> int:
        start, view = self._raw.tell(), memoryview(data).cast("B")
        try:
            rest = view
            while len(rest) and self.error is None:
                rest = rest[self._raw.write(rest) :]
        except (OSError, KeyboardInterrupt) as error:
            self.error = error
        if self.error is not None:
            self._held.append((start, bytes(view)))
            self._raw.seek(start + len(view))
        return len(view)

    def readinto(self, buffer: bytearray, /) -> int:
        start, view = self._raw.tell(), memoryview(buffer).cast("B")
        found = self._raw.readinto(view) or 0
        for offset, content in self._held:
            first, end = (
                max(start, offset),
                min(start + len(view), offset + len(content)),
            )
            if first < end:
                view[first - start : end - start] = content[
                    first - offset : end - offset
                ]
                found = max(found, end - start)
        self._raw.seek(start + found)
        return found

    def close(self) -> None:
        if not self._raw.closed:
            self._raw.close()
            self._held.clear()
        super().close()


def open_raw(path: Path) -> io.FileIO:
    """A new, empty, unbuffered file."""
    return io.FileIO(path, "w+b")


@contextmanager
def atomic_hdf5(path: Path, temporary: Path) -> Iterator[tuple[h5py.File, DiskFile]]:
    """Yield an HDF5 file that appears under ``path`` whole or not at all.

    Args:
        path: Final name; an existing file is replaced at the end, in one operation.
        temporary: Name to write under, on the same file system.

    Yields:
        The HDF5 file, and the file below it, whose `check` says whether to go on.

    Raises:
        OSError: If the disk is full, naming the path and the remedy.
    """
    disk = DiskFile(temporary)
    try:
        with h5py.File(disk, "w") as file:
            yield file, disk
        disk.sync()
        disk.close()
        temporary.replace(path)
    except OSError as error:
        first = disk.error if isinstance(disk.error, OSError) else error
        raise _explain(first, path) from error
    finally:
        disk.close()
        temporary.unlink(missing_ok=True)


def _explain(error: OSError, path: Path) -> OSError:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    return OSError(
        error.errno,
        f"the disk is full while writing {path}; episodes finished before are kept: "
        "make room and continue with --resume",
    )
