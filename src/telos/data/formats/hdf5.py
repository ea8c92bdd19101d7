"""HDF5 files of other projects, read without following anything out of the file.

HDF5 can point to other files in four ways: soft links, external links, raw data in
external files, and virtual datasets. All are refused: a recording must hold its own
frames, and reading one must never open a file that it names.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from telos.data.formats.action_coding import ActionRange
from telos.data.formats.parts import Part

HARD_LINK = 0
"""What HDF5 calls a link that is the member itself (H5L_TYPE_HARD)."""
DEPTH = 8
"""Groups inside groups that are followed."""
ACTION_ROWS = 65_536
"""Actions that are looked at together when their range is measured."""


def is_hdf5(path: Path) -> bool:
    """Whether a path is a file that begins as HDF5 does."""
    return path.is_file() and bool(h5py.is_hdf5(path))


DAMAGE = (KeyError, OSError, RuntimeError, TypeError, ValueError)
"""What h5py raises where a file is damaged."""


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no HDF5 file, or a damaged one.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path")
    if not is_hdf5(path):
        raise ValueError(f"{path} is no HDF5 file, expected a recording in one")
    try:
        file = h5py.File(path, "r")
    except DAMAGE as error:
        raise ValueError(damaged(path, str(error))) from error
    with file:
        yield file


def holds(path: Path, *names: str) -> bool:
    """Whether a path is a readable HDF5 file that has all these members at its root."""
    if not is_hdf5(path):
        return False
    try:
        with open_hdf5(path) as file:
            return all(_has(file, name) for name in names)
    except ValueError:
        return False


def exists(group: h5py.Group, place: str) -> bool:
    """Whether a place such as ``obs/pixels`` exists below a group."""
    first, _, rest = place.partition("/")
    if not _has(group, first):
        return False
    if not rest:
        return True
    node = _child(group, first)
    return isinstance(node, h5py.Group) and exists(node, rest)


def names(group: h5py.Group) -> list[str]:
    """Names of all members of a group."""
    with _reading(group, ""):
        return [str(name) for name in group]


def group_at(group: h5py.Group, place: str) -> h5py.Group:
    """The group at a place below another.

    Raises:
        ValueError: If there is none.
    """
    node = _at(group, place)
    if not isinstance(node, h5py.Group):
        raise ValueError(f"{_where(group, place)} is no group")
    return node


def table_at(group: h5py.Group, place: str) -> h5py.Dataset:
    """The dataset at a place below a group; its content lies in this file.

    Raises:
        ValueError: If there is none, it has no rows, its content lies elsewhere, or
            nothing here can decompress it.
    """
    node = _at(group, place)
    if not isinstance(node, h5py.Dataset) or not node.shape:
        raise ValueError(f"{_where(group, place)} is no dataset with rows")
    _check_inside(node)
    return node


def tables_at(group: h5py.Group, place: str) -> dict[str, h5py.Dataset]:
    """All datasets with rows at or below a place, by their own places.

    Raises:
        ValueError: If there is nothing, or groups are nested too deep, which a group
            inside itself is.
    """
    node = _at(group, place)
    if isinstance(node, h5py.Group):
        return dict(_tables(node, place + "/", DEPTH))
    return {place: table_at(group, place)}


def part_at(data: h5py.Dataset, place: str, **fields: bool) -> Part:
    """A dataset with a row per frame, described."""
    return Part(
        name=place.partition("/")[2].replace("/", ".") or place,
        place=place,
        shape=tuple(data.shape[1:]),
        dtype=str(plain_dtype(data.dtype)),
        **fields,
    )


def read(data: h5py.Dataset, first: int, stop: int) -> np.ndarray:
    """Rows [first, stop) as numbers in the order of this machine's bytes.

    Raises:
        ValueError: If they do not exist, are no numbers, or cannot be read.
    """
    with _reading(data, ""):
        dtype, count = data.dtype, len(data)
    if dtype.kind not in "biuf":
        raise ValueError(f"{_name(data)} holds {dtype}, expected numbers")
    if not 0 <= first <= stop <= count:
        raise ValueError(f"{_name(data)} has {count} rows, expected at least {stop}")
    with _reading(data, ""):
        rows = data[first:stop]
    return rows.astype(plain_dtype(rows.dtype), copy=False)


def add_range(found: ActionRange, actions: h5py.Dataset, count: int) -> None:
    """Take the first ``count`` actions into account, a block at a time.

    Raises:
        ValueError: If they are damaged, or of another shape than those before.
    """
    for first in range(0, count, ACTION_ROWS):
        rows = read(actions, first, min(first + ACTION_ROWS, count))
        try:
            found.add(rows)
        except ValueError as error:
            raise ValueError(f"{_name(actions)}: {error}") from error


def plain_dtype(dtype: np.dtype) -> np.dtype:
    """A number type as episode files store it: own byte order, at most 8 bytes."""
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype(np.float64)
    return dtype.newbyteorder("=")


def text(value: object) -> str:
    """A text attribute, whether it was stored as text or as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def damaged(path: Path, reason: str) -> str:
    """What to say of a file that cannot be read."""
    return f"{path} is truncated or damaged ({reason}); restore a copy"


def _tables(
    group: h5py.Group, prefix: str, depth: int
) -> Iterator[tuple[str, h5py.Dataset]]:
    if depth == 0:
        raise ValueError(f"{_name(group)} lies more than {DEPTH} groups deep")
    for name in names(group):
        node, place = _child(group, name), prefix + name
        if isinstance(node, h5py.Group):
            yield from _tables(node, place + "/", depth - 1)
        elif isinstance(node, h5py.Dataset) and node.shape:
            _check_inside(node)
            yield place, node


def _at(group: h5py.Group, place: str) -> h5py.Group | h5py.Dataset | h5py.Datatype:
    node: h5py.Group | h5py.Dataset | h5py.Datatype = group
    for name in place.split("/"):
        if not isinstance(node, h5py.Group):
            raise ValueError(f"{_where(group, place)} does not exist")
        node = _child(node, name)
    return node


def _child(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | h5py.Datatype:
    """A member of a group, never through a link to somewhere else."""
    if not _has(group, name):
        raise ValueError(f"{_where(group, name)} does not exist")
    with _reading(group, name):
        kind = group.id.links.get_info(_bytes(name)).type
    if kind != HARD_LINK:
        raise ValueError(
            f"{_where(group, name)} is a link to another place; telos reads no links, "
            "copy the recording so that it holds its own data (h5repack does)"
        )
    with _reading(group, name):
        return group[name]


def _has(group: h5py.Group, name: str) -> bool:
    """Whether a member of this name exists, wherever it leads."""
    with _reading(group, name):
        return group.id.links.exists(_bytes(name))


@contextmanager
def _reading(node: h5py.Group | h5py.Dataset, name: str) -> Iterator[None]:
    """Name the file and the place where h5py stumbles over damage."""
    try:
        yield
    except DAMAGE as error:
        place = _where(node, name) if name else _name(node)
        raise ValueError(f"{place} is damaged ({error})") from error


def _check_inside(data: h5py.Dataset) -> None:
    """The content lies in this file, and can be decompressed."""
    with _reading(data, ""):
        settings = data.id.get_create_plist()
        virtual = settings.get_layout() == h5py.h5d.VIRTUAL
        outside = virtual or settings.get_external_count() > 0
        filters = [settings.get_filter(n)[0] for n in range(settings.get_nfilters())]
        np.dtype(data.dtype)  # h5py has one for it
    if outside:
        raise ValueError(
            f"{_name(data)} keeps its content in another file; copy the recording so "
            "that it holds its own data (h5repack does)"
        )
    for code in filters:
        if not h5py.h5z.filter_avail(code) and not _find_filters(code):
            raise ValueError(
                f"{_name(data)} is compressed with HDF5 filter {code}, which is not "
                "installed here: pip install hdf5plugin, or rewrite the file with "
                "h5repack -f NONE"
            )


def _find_filters(code: int) -> bool:
    """Load more filters, where they are installed; whether that was enough."""
    try:
        importlib.import_module("hdf5plugin")
    except ImportError:
        return False
    return bool(h5py.h5z.filter_avail(code))


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _name(node: h5py.Group | h5py.Dataset) -> str:
    return f"{node.file.filename}: {node.name}"


def _where(group: h5py.Group | h5py.Dataset, place: str) -> str:
    return f"{group.file.filename}: {str(group.name).rstrip('/')}/{place}"
