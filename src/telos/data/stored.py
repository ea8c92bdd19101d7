"""Frames that stay in their episode file: only the chunks that are needed are read."""

from __future__ import annotations

import h5py
import numpy as np
from h5py import h5s
from jaxtyping import Int

from telos.data.frames import LazyFrames
from telos.data.opened import OpenedFile, damaged


class StoredFrames(LazyFrames):
    """A dataset of an episode file, row by row.

    Rows come in rising order, so that the chunks of a batch are read in the order in
    which they lie in the file, each of them once.

    Raises:
        KeyError: If the file has no such dataset.
    """

    def __init__(self, file: OpenedFile, name: str) -> None:
        self._file, self._name = file, name
        source = file.dataset(name)
        self._shape, self._dtype = tuple(source.shape), source.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    def read(self, rows: Int[np.ndarray, " n"]) -> np.ndarray:
        """See `LazyFrames.read`.

        Raises:
            ValueError: If the file is damaged, or has been replaced meanwhile.
        """
        out = np.empty((len(rows), *self._shape[1:]), self._dtype)
        begins = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)
        ends = np.append(begins[1:], len(rows))
        # HDF5's own calls: `read_direct` spends more time on a run than HDF5 does.
        stored, corner = self._open().id, (0,) * (out.ndim - 1)
        space = stored.get_space()
        try:
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
                run = out[begin:end]
                space.select_hyperslab((int(rows[begin]), *corner), run.shape)
                stored.read(h5s.create_simple(run.shape), space, run)
        except OSError as error:
            raise ValueError(damaged(self._file.path, str(error))) from error
        return out

    def _open(self) -> h5py.Dataset:
        source = self._file.dataset(self._name)
        if tuple(source.shape) != self._shape:
            raise ValueError(
                f"{self._file.path} was replaced while it was being read: {self._name} "
                f"has shape {tuple(source.shape)}, it had {self._shape}; start again"
            )
        return source
