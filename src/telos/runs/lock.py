"""One process writes to a folder at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep every other process from writing here meanwhile.

    The system holds the lock on the folder itself: it leaves no file behind and ends
    with the process, however that ends. On Windows folders cannot be locked so, and
    nothing is held.

    Raises:
        BlockingIOError: If another process, or this one, writes to the folder already.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"another process is writing to {str(folder)!r}; wait until it has "
                "ended, or give this one a folder of its own."
            ) from None
        yield
    finally:
        os.close(handle)
