"""The tables of a LeRobot dataset: where every episode lies, and what the tasks are.

Version 2 has a parquet file and a video per episode and lists episodes and tasks in
JSON lines. Version 3 puts several episodes into a parquet file and a video, and lists
them in parquet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from telos.data.formats.lerobot.info import Info
from telos.data.formats.lerobot.places import place
from telos.data.formats.links import refuse_outside
from telos.data.formats.parquet import read_columns, read_texts

MOST_TASKS = 2**20
"""Numbers of tasks from this on are refused."""


class Clip(NamedTuple):
    """Where a camera's video of an episode lies; a tuple, for there may be many."""

    chunk: int
    file: int
    start: float
    """Seconds into the file at which the episode begins."""


class Entry(NamedTuple):
    """One episode."""

    index: int
    length: int
    """Frames."""
    chunk: int
    file: int
    """Number of the parquet file in its folder; in version 2 that of the episode."""
    row: int
    """First row in the parquet file."""
    clips: tuple[Clip, ...]
    """One per camera, in the order that was asked for."""


def read_entries(info: Info, cameras: Sequence[str]) -> list[Entry]:
    """All episodes in order.

    Args:
        info: Of the dataset.
        cameras: Features that are videos and wanted.

    Raises:
        FileNotFoundError: If a table is missing.
        ValueError: If a table is damaged, or contradicts ``meta/info.json``.
    """
    read = _entries_v2 if info.major == 2 else _entries_v3
    entries = list(read(info, cameras))
    if len(entries) != info.num_episodes:
        raise ValueError(
            f"{info.root}: the tables list {len(entries)} episodes, meta/info.json "
            f"says {info.num_episodes}; download the dataset completely"
        )
    empty = [entry.index for entry in entries if entry.length < 1]
    if empty:
        raise ValueError(f"{info.root}: episode {empty[0]} has no frames")
    return entries


def read_tasks(info: Info) -> list[str]:
    """Texts of the tasks, by their number; empty where there is no table of them.

    Raises:
        ValueError: If the table is damaged.
    """
    meta = info.root / "meta"
    if info.major == 2:
        path = meta / "tasks.jsonl"
        rows = json_lines(info.root, path) if path.is_file() else iter(())
        pairs = [(_whole(path, r, "task_index"), str(r.get("task", ""))) for r in rows]
    else:
        path = meta / "tasks.parquet"
        refuse_outside(info.root, path)
        pairs = read_texts(path, "task_index") if path.is_file() else []
    for number, _ in pairs:
        if number not in range(MOST_TASKS):
            raise ValueError(
                f"{path}: task_index is {number!r}, expected 0 to {MOST_TASKS - 1}"
            )
    tasks = [""] * (1 + max((number for number, _ in pairs), default=-1))
    for number, text in pairs:
        tasks[number] = text or ""
    return tasks


def find_rows(info: Info, entry: Entry) -> Path:
    """The parquet file of an episode; errors as for `places.place`."""
    return place(info.root, info.data_path, **_counters(info, entry.chunk, entry.file))


def find_clip(info: Info, clip: Clip, camera: str) -> Path:
    """A camera's file of an episode; errors as for `places.place`."""
    if info.video_path is None:
        raise ValueError(f"{info.root}: meta/info.json has videos but no video_path")
    counters = _counters(info, clip.chunk, clip.file)
    return place(info.root, info.video_path, video_key=camera, **counters)


def _counters(info: Info, chunk: int, file: int) -> dict[str, int]:
    """Fields of the templates."""
    if info.major == 2:
        return {"episode_chunk": chunk, "episode_index": file}
    return {"chunk_index": chunk, "file_index": file}


def _entries_v2(info: Info, cameras: Sequence[str]) -> Iterator[Entry]:
    path = info.root / "meta" / "episodes.jsonl"
    for fields in json_lines(info.root, path):
        index, length = (_whole(path, fields, n) for n in ("episode_index", "length"))
        chunk = index // info.chunk_size
        clips = (Clip(chunk, index, 0.0),) * len(cameras)
        yield Entry(index, length, chunk, index, 0, clips)


def _entries_v3(info: Info, cameras: Sequence[str]) -> Iterator[Entry]:
    names = ["episode_index", "length", "data/chunk_index", "data/file_index"]
    for key in cameras:
        of_clip = ("chunk_index", "file_index", "from_timestamp")
        names += [f"videos/{key}/{name}" for name in of_clip]
    rows: dict[tuple[int, int], int] = {}
    for path in _episode_tables(info.root):
        for values in zip(*read_columns(path, names), strict=True):
            try:
                index, length, chunk, file = (int(value) for value in values[:4])
                of_clips = (values[n : n + 3] for n in range(4, len(values), 3))
                clips = tuple(Clip(int(c), int(f), float(s)) for c, f, s in of_clips)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}: an episode is described by {values}, expected numbers"
                ) from error
            row = rows.get((chunk, file), 0)
            yield Entry(index, length, chunk, file, row, clips)
            rows[chunk, file] = row + length


def _episode_tables(root: Path) -> list[Path]:
    folder = root / "meta" / "episodes"
    paths = sorted(folder.glob("chunk-*/file-*.parquet"))
    for path in paths:
        refuse_outside(root, path)
    return paths


def json_lines(root: Path, path: Path) -> Iterator[Mapping[str, Any]]:
    """Objects of a file of JSON lines."""
    refuse_outside(root, path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; download the dataset whole")
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(
                    f"{path}: line {number} is no JSON: {error}"
                ) from error
            if not isinstance(fields, dict):
                raise ValueError(f"{path}: line {number} is {fields!r}, not an object")
            yield fields


def _whole(path: Path, fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{path}: {name} is {value!r}, expected a number from 0")
    return value
