"""NPZ archives read row by row, without unpickling and without loading a member.

An NPZ archive is a ZIP file with a NPY file for each array. numpy loads a compressed
member whole; here its rows come front to back, a block at a time.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

LONGEST_HEADER = 10_000
"""Bytes of a NPY header above which it is refused."""
SKIP_BYTES = 2**20
"""Bytes that are passed over at a time."""
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError)
"""What reading a damaged archive raises."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One array of an archive, as its header describes it."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.shape[1:]

    @property
    def row_bytes(self) -> int:
        return prod(self.row_shape) * self.dtype.itemsize

    @property
    def num_bytes(self) -> int:
        return self.shape[0] * self.row_bytes


def is_npz(path: Path, *names: str) -> bool:
    """Whether a path is an archive that has these arrays."""
    if not (path.is_file() and zipfile.is_zipfile(path)):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{name}.npy" for name in names} <= set(archive.namelist())
    except DAMAGE:
        return False


@contextmanager
def open_npz(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no archive, or a damaged one.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path")
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGE as error:
        raise ValueError(
            f"{path} is no NPZ archive, or is truncated ({error}); restore a copy"
        ) from error
    with archive:
        yield archive


def members(path: Path, archive: zipfile.ZipFile) -> dict[str, Member]:
    """All arrays with rows of numbers, by name; others are passed over.

    Raises:
        ValueError: If a header is damaged, or does not agree with the member's size.
    """
    found: dict[str, Member] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name == info.filename:
            continue
        if name in found:
            raise ValueError(f"{path} holds two arrays of the name {name!r}")
        try:
            with archive.open(info) as file:
                member = _member(name, file, info)
        except (*DAMAGE, ValueError, RuntimeError) as error:
            raise ValueError(f"{path}, array {name!r}: {error}") from error
        if member is not None:
            found[name] = member
    return found


class RowReader:
    """Rows of one array, front to back.

    Raises:
        ValueError: If the array ends early or is damaged.
    """

    def __init__(self, archive: zipfile.ZipFile, member: Member) -> None:
        self.member = member
        self._row = 0
        self._file = archive.open(f"{member.name}.npy")
        try:
            _header(self._file)
        except DAMAGE as error:
            raise ValueError(f"array {member.name!r} is damaged ({error})") from error

    def __enter__(self) -> RowReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def rows(self, first: int, stop: int) -> np.ndarray:
        """Rows [first, stop); ``first`` is never before what was read already."""
        if first < self._row:
            raise ValueError(
                f"rows of {self.member.name!r} come front to back: {first} was asked "
                f"for after {self._row}"
            )
        if stop > self.member.shape[0]:
            raise ValueError(
                f"array {self.member.name!r} has {self.member.shape[0]} rows, expected "
                f"at least {stop}"
            )
        self._skip((first - self._row) * self.member.row_bytes)
        content = self._take((stop - first) * self.member.row_bytes)
        self._row = stop
        shape = (stop - first, *self.member.row_shape)
        found = np.frombuffer(content, self.member.dtype).reshape(shape)
        return found.astype(found.dtype.newbyteorder("="), copy=False)

    def _skip(self, count: int) -> None:
        while count > 0:
            count -= len(self._take(min(count, SKIP_BYTES)))

    def _take(self, count: int) -> bytearray:
        content = bytearray(count)
        view, filled = memoryview(content), 0
        try:
            while filled < count:
                part = self._file.read(count - filled)
                if not part:
                    raise EOFError(f"it ends {count - filled} bytes early")
                view[filled : filled + len(part)] = part
                filled += len(part)
        except DAMAGE as error:
            raise ValueError(
                f"array {self.member.name!r} is damaged ({error})"
            ) from error
        return content


def _member(name: str, file: IO[bytes], info: zipfile.ZipInfo) -> Member | None:
    shape, fortran, dtype, length = _header(file)
    if dtype.kind not in "biuf" or len(shape) == 0 or dtype.itemsize > 8:
        return None
    if fortran and len(shape) > 1:
        raise ValueError("it is stored column by column; store it in C order")
    member = Member(name=name, shape=shape, dtype=dtype)
    if length + member.num_bytes != info.file_size:
        raise ValueError(
            f"its header describes {member.num_bytes} bytes, but it holds "
            f"{info.file_size - length}"
        )
    return member


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, whether stored column by column, dtype, and the header's own length.

    Raises:
        ValueError: If it is no header of version 1 or 2.
    """
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"NPY version {version} is not read, expected 1 or 2")
    shape, fortran, dtype = readers[version](file, max_header_size=LONGEST_HEADER)
    return shape, fortran, dtype, file.tell()
