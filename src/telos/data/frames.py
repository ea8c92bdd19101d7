"""Rows of a stream, in memory or where they are stored.

Whatever cuts windows or encodes frames only ever takes rows of a stream. So a stream
may be an array, or something that reads the rows it is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from jaxtyping import Int

SLAB_BYTES = 2**22
"""Bytes that are read at a time where a whole stream is read in order. What they are
made from, and what on the way, is many times as much."""


class Frames(Protocol):
    """A stream (N, ...), as far as others need it; every numpy array is one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> np.ndarray: ...

    def __array__(
        self, dtype: Any = None, /, *, copy: bool | None = None
    ) -> np.ndarray: ...


class LazyFrames(ABC):
    """Rows that are read when they are asked for.

    Indexed by a slice or by integers of any shape, none of them negative, as an array
    would be. Rows that are asked for several times at once are read once.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype:
        """Of the values."""

    @abstractmethod
    def read(self, rows: Int[np.ndarray, " n"]) -> np.ndarray:
        """Rows (n, ...); at least one is asked for, all different, in rising order.

        Raises:
            ValueError: If what is stored is damaged.
        """

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray:
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        if rows.size == 0:
            return np.empty((*rows.shape, *self.shape[1:]), self.dtype)
        if rows.dtype.kind not in "iu":
            raise IndexError(f"rows are {rows.dtype}, expected integers or a slice")
        different, place = np.unique(rows, return_inverse=True)
        if different[0] < 0 or different[-1] >= len(self):
            raise IndexError(
                f"rows {different[0]} to {different[-1]} were asked for, but there are "
                f"{len(self)}, numbered from 0"
            )
        found = self.read(different)
        in_order = len(different) == rows.size and bool((np.diff(rows.flat) > 0).all())
        return (found if in_order else found[place.ravel()]).reshape(
            *rows.shape, *self.shape[1:]
        )

    def __array__(
        self, dtype: Any = None, /, *, copy: bool | None = None
    ) -> np.ndarray:
        """All rows, read a slab at a time."""
        if copy is False:
            raise ValueError("frames that are not in memory cannot be had uncopied")
        out = np.empty(self.shape, self.dtype if dtype is None else dtype)
        for rows in slabs(self):
            out[rows] = self[rows]
        return out


class SelectedFrames(LazyFrames):
    """Some rows of other frames, in the order given."""

    def __init__(self, source: Frames, rows: Int[np.ndarray, " n"]) -> None:
        self._source, self._rows = source, rows

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self._rows), *self._source.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self._source.dtype

    def read(self, rows: Int[np.ndarray, " n"]) -> np.ndarray:
        return self._source[self._rows[rows]]


class MappedFrames(LazyFrames):
    """Other frames, each changed by a function as it is read.

    Args:
        source: What is read.
        change: From frames (n, ...) to as many frames; must not depend on n.
    """

    def __init__(
        self, source: Frames, change: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self._source, self._change = source, change
        example = change(np.zeros((1, *source.shape[1:]), source.dtype))
        self._shape, self._dtype = example.shape[1:], example.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self._source), *self._shape)

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    def read(self, rows: Int[np.ndarray, " n"]) -> np.ndarray:
        return self._change(self._source[rows])


class JoinedFrames(LazyFrames):
    """Frames of several parts, one after the other, as if they were one stream.

    Args:
        parts: At least one; all with the same shape and type of frame.

    Raises:
        ValueError: If there is none, or two of them differ.
    """

    def __init__(self, parts: Sequence[Frames]) -> None:
        kinds = {(tuple(part.shape[1:]), part.dtype) for part in parts}
        if len(kinds) != 1:
            raise ValueError(f"parts with frames of {kinds or 'no kind'}: expected one")
        self._parts = tuple(parts)
        self._ends = np.cumsum([len(part) for part in parts])

    @property
    def shape(self) -> tuple[int, ...]:
        return (int(self._ends[-1]), *self._parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self._parts[0].dtype

    def read(self, rows: Int[np.ndarray, " n"]) -> np.ndarray:
        owners = np.searchsorted(self._ends, rows, side="right")
        found = []
        for owner in np.unique(owners):
            part = self._parts[owner]
            found.append(part[rows[owners == owner] - self._ends[owner] + len(part)])
        return np.concatenate(found)


def select_rows(frames: Frames, rows: Int[np.ndarray, " n"]) -> Frames:
    """Some rows: a copy of an array; what is not in memory is not read."""
    if isinstance(frames, np.ndarray):
        return frames[rows]
    return SelectedFrames(frames, rows)


def slabs(frames: Frames) -> Iterator[slice]:
    """All rows in order, about 4 MiB at a time."""
    row_bytes = int(np.prod(frames.shape[1:])) * frames.dtype.itemsize
    count = max(1, SLAB_BYTES // max(1, row_bytes))
    for first in range(0, len(frames), count):
        yield slice(first, min(first + count, len(frames)))
