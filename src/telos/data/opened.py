"""An HDF5 file on disk: opened with an answer to whoever gave a wrong one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py

from telos.data.schema import dataset, parts_folder

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
CHUNK_CACHE_BYTES = 2**25
"""Decoded chunks that HDF5 keeps of each dataset of a file that stays open. Runs of one
batch that share a chunk then decode it once."""


class OpenedFile:
    """A file that stays open, so that windows can be read from it one by one.

    Every process has a handle of its own, opened when it first reads.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no HDF5 file, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: h5py.File | None = None
        self._owner = 0

    def dataset(self, name: str) -> h5py.Dataset:
        """A dataset of the file.

        Raises:
            KeyError: If there is no dataset of that name.
        """
        if self._handle is None or self._owner != os.getpid():
            self._handle = open_hdf5(self.path, rdcc_nbytes=CHUNK_CACHE_BYTES)
            self._owner = os.getpid()
        return dataset(self._handle, name)

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process opens the file anew."""
        return {"path": self.path, "_handle": None, "_owner": 0}


def open_hdf5(path: Path, **settings: Any) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is a folder, no HDF5 file, or damaged.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder, expected an episode file (.h5)")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; {_remedy(path)}")
    with path.open("rb") as file:
        signature = file.read(len(HDF5_SIGNATURE))
    if signature != HDF5_SIGNATURE:
        raise ValueError(
            f"{path} is not an HDF5 file, expected an episode file written by "
            "`telos collect`"
        )
    try:
        return h5py.File(path, "r", **settings)
    except OSError as error:
        raise ValueError(damaged(path, str(error))) from error


def damaged(path: Path, reason: str) -> str:
    """What to say of a file that cannot be read to its end."""
    return f"{path} is truncated or damaged ({reason}); {_remedy(path)}"


def _remedy(path: Path) -> str:
    parts = parts_folder(path)
    if parts.is_dir():
        return f"an interrupted collection lies in {parts}: continue with --resume"
    return "check the path, restore a copy or record anew with `telos collect`"
