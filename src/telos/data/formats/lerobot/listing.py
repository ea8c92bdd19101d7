"""The table of episodes that is written: where each lies, and its statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from telos.data.formats.lerobot.shards import TableShards
from telos.data.formats.lerobot.summaries import as_json
from telos.data.formats.lerobot.tables import Clip
from telos.data.statistics import StreamStatistics

HELD_ROWS = 500
"""Rows that are made into a table at a time."""


class Listing:
    """Collects rows and writes them to ``meta/episodes``; see `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[dict[str, Any]] = []
        self._shards: TableShards | None = None

    def add(self, row: Mapping[str, Any]) -> None:
        self._rows.append(dict(row))
        if len(self._rows) >= HELD_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._shards is not None:
            self._shards.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._rows:
            return
        table = pa.Table.from_pylist(self._rows)
        if self._shards is None:
            own = [(f"meta/episodes/{n}", pa.int64()) for n in _COUNTERS]
            schema = pa.schema([*table.schema, *(pa.field(*field) for field in own)])
            self._shards = TableShards(self._folder, schema)
        for name, number in zip(_COUNTERS, self._shards.place, strict=True):
            column = pa.array([number] * table.num_rows)
            table = table.append_column(f"meta/episodes/{name}", column)
        self._shards.add(table)
        self._rows = []


_COUNTERS = ("chunk_index", "file_index")


def row_of(
    index: int,
    *,
    first: int,
    length: int,
    tasks: Sequence[str],
    place: tuple[int, int],
    clips: Mapping[str, Clip],
    fps: float,
) -> dict[str, Any]:
    """Where an episode lies.

    Args:
        index: Number of the episode.
        first: Frames of all episodes before.
        length: Frames of the episode.
        tasks: Texts.
        place: Chunk and file of its rows.
        clips: Where the cameras' videos of it lie, by feature.
        fps: Frames per second.
    """
    row: dict[str, Any] = {
        "episode_index": index,
        "tasks": list(tasks),
        "length": length,
        "data/chunk_index": place[0],
        "data/file_index": place[1],
        "dataset_from_index": first,
        "dataset_to_index": first + length,
    }
    for key, clip in clips.items():
        row |= {
            f"videos/{key}/chunk_index": clip.chunk,
            f"videos/{key}/file_index": clip.file,
            f"videos/{key}/from_timestamp": clip.start,
            f"videos/{key}/to_timestamp": clip.start + length / fps,
        }
    return row


def statistics_of(
    found: Mapping[str, StreamStatistics],
    pictures: Mapping[str, tuple[int, int, int]],
) -> dict[str, Any]:
    """Columns with the statistics of an episode.

    Args:
        found: By feature.
        pictures: Shapes of the cameras' pictures, by feature.
    """
    return {
        f"stats/{key}/{name}": value
        for key, statistics in found.items()
        for name, value in as_json(statistics, pictures.get(key)).items()
    }
