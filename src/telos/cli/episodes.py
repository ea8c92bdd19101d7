"""Episode files that a command goes on with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telos.data.store import EpisodeFile


def unchanged(path: Path, digest: str) -> EpisodeFile:
    """The episodes of a run that is resumed.

    Raises:
        ValueError: If they are not those that the run began with.
    """
    from telos.data.store import EpisodeFile

    file = EpisodeFile(path)
    if file.digest != digest:
        raise ValueError(
            f"{str(file.path)!r} has changed since this run began; a resumed run must "
            "see the same episodes. Restore the file, or start a new run."
        )
    return file
