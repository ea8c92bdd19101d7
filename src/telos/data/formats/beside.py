"""What was recorded beside a video: actions, states and times in a table of its name.

``run 7.mp4`` goes with ``run 7.csv``, ``run 7.parquet`` or ``run 7.npz``. A column
``time`` holds seconds since the first frame, columns ``state_*`` (or ``state``) what
the robot measured of itself, and every other column is a dimension of the action. In
NPZ and parquet a column may hold several numbers per row.

Without times, row t belongs to frame t; the row of the last frame may be missing where
there are no states. With times, a frame gets the last row that is not later than the
frame (half a frame's period aside, because times are rounded), and frames before the
first row and after the last one are dropped.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from telos.data.formats.bombs import check_declared
from telos.data.formats.npz import Member, RowReader, members, open_npz
from telos.data.formats.parquet import open_parquet

SUFFIXES = (".csv", ".parquet", ".npz")


@dataclass(frozen=True, kw_only=True, eq=False)
class Beside:
    """R rows beside a video."""

    action_names: tuple[str, ...]
    """One per dimension."""
    actions: np.ndarray
    """(R, A) float32."""
    state: np.ndarray | None
    """(R, S) float32."""
    time: np.ndarray | None
    """(R,) seconds since the first frame."""


def find_beside(video: Path) -> Path | None:
    """The table of a video.

    Raises:
        ValueError: If there are several.
    """
    names = {video.stem + suffix for suffix in SUFFIXES}
    found = [p for name in sorted(names) if (p := video.with_name(name)).is_file()]
    if len(found) > 1:
        raise ValueError(
            f"{video} has several tables beside it: {[p.name for p in found]}; keep one"
        )
    return found[0] if found else None


def read_beside(path: Path) -> Beside:
    """Read a table.

    Raises:
        ValueError: If it is damaged, has no rows, or its times do not rise.
    """
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz}
    columns = readers[path.suffix](path)
    rows = {name: len(values) for name, values in columns.items()}
    if len(set(rows.values())) != 1 or not min(rows.values()):
        raise ValueError(f"{path} has columns of {rows} rows, expected as many in each")
    time = columns.pop("time", None)
    state = [n for n in columns if n == "state" or n.startswith("state_")]
    action = [n for n in columns if n not in state]
    if time is not None and (time.shape[1] != 1 or (np.diff(time[:, 0]) <= 0).any()):
        raise ValueError(f"{path}: the times must be one number per row, and rise")
    empty = np.zeros((next(iter(rows.values())), 0), np.float32)
    return Beside(
        action_names=tuple(_names(columns, action)),
        actions=np.hstack([empty, *(columns[n] for n in action)]).astype(np.float32),
        state=_stacked(columns, state) if state else None,
        time=None if time is None else time[:, 0],
    )


def rows_of_frames(
    table: Beside, times: np.ndarray, path: Path
) -> tuple[slice, np.ndarray]:
    """Which frames are kept, and the row of each of them.

    Args:
        table: Of the video.
        times: (N,) seconds since the first frame.
        path: Of the table, for messages.

    Returns:
        The frames that are kept, and as many rows; the last row is not used for an
        action and may be one too many.

    Raises:
        ValueError: If rows and frames do not fit each other.
    """
    if table.time is not None:
        return _by_time(table.time, times, path)
    frames, rows = len(times), len(table.actions)
    if rows == frames or (rows == frames - 1 and table.state is None):
        return slice(0, frames), np.arange(frames)
    fewer = "" if table.state is not None else f" or {frames - 1}"
    raise ValueError(
        f"{path} has {rows} rows for {frames} frames, expected {frames}{fewer}, or a "
        "column 'time' with seconds since the first frame"
    )


def _by_time(
    time: np.ndarray, times: np.ndarray, path: Path
) -> tuple[slice, np.ndarray]:
    half = float(np.median(np.diff(times))) / 2 if len(times) > 1 else 0.0
    step = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    rows = np.searchsorted(time, times + half, side="right") - 1
    kept = np.flatnonzero((rows >= 0) & (times <= time[-1] + max(half, step)))
    if len(kept) < 2:
        raise ValueError(
            f"{path}: its times, {time[0]:g} to {time[-1]:g} s, cover {len(kept)} "
            f"frames of the video, which lasts {times[-1]:g} s; expected seconds since "
            "the first frame"
        )
    return slice(kept[0], kept[-1] + 1), rows[kept]


def _names(columns: Mapping[str, np.ndarray], names: list[str]) -> list[str]:
    """One name per dimension."""
    named = []
    for name in names:
        width = columns[name].shape[1]
        named += [name] if width == 1 else [f"{name}_{i}" for i in range(width)]
    return named


def _stacked(columns: Mapping[str, np.ndarray], names: list[str]) -> np.ndarray:
    return np.hstack([columns[name] for name in names]).astype(np.float32)


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        names = [name.strip() for name in next(csv.reader(lines), [])]
        rows = [line for line in lines[1:] if line.strip()]
        values = np.loadtxt(rows, delimiter=",", ndmin=2) if rows else None
    except ValueError as error:  # not UTF-8, or no numbers
        raise ValueError(f"{path} is no table of numbers: {error}") from error
    if not names or len(set(names)) < len(names) or any(map(_is_number, names)):
        raise ValueError(
            f"{path} begins with {names}, expected a line of different column names"
        )
    if values is None or values.shape[1] != len(names):
        columns = 0 if values is None else values.shape[1]
        raise ValueError(f"{path} has {columns} columns but {len(names)} names")
    return {name: values[:, [i]] for i, name in enumerate(names)}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_parquet(path: Path) -> dict[str, np.ndarray]:
    with open_parquet(path) as file:
        table = file.read()
    columns = zip(table.column_names, table.columns, strict=True)
    return {name: _matrix(path, name, column.to_pylist()) for name, column in columns}


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with open_npz(path) as archive:
        found = members(path, archive)
        others = {Path(name).stem for name in archive.namelist()} - set(found)
        if others:
            raise ValueError(
                f"{path}: column {min(others)!r} holds no numbers, one row after the "
                "other"
            )
        check_declared(path, sum(member.num_bytes for member in found.values()))
        return {
            name: _matrix(path, name, _all_rows(path, archive, member))
            for name, member in found.items()
        }


def _all_rows(path: Path, archive: ZipFile, member: Member) -> np.ndarray:
    try:
        with RowReader(archive, member) as reader:
            return reader.rows(0, member.shape[0])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _matrix(path: Path, name: str, values: object) -> np.ndarray:
    """(R, k) numbers of a column."""
    try:
        matrix = np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: column {name!r} holds no numbers: {error}"
        ) from error
    if matrix.ndim not in (1, 2):
        raise ValueError(
            f"{path}: column {name!r} has shape {matrix.shape}, expected (rows,) or "
            "(rows, numbers)"
        )
    return matrix.reshape(len(matrix), -1) if len(matrix) else matrix.reshape(0, 1)
