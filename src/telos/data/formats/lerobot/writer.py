"""Episode files as LeRobot datasets of version 3.0."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from telos.config import save_json
from telos.data.formats.lerobot.info import INFO
from telos.data.formats.lerobot.listing import Listing, row_of, statistics_of
from telos.data.formats.lerobot.outgoing import (
    Outgoing,
    arrow_column,
    arrow_type,
    columns_of,
    described,
    outgoing,
    time_stamps,
)
from telos.data.formats.lerobot.selection import TASK
from telos.data.formats.lerobot.shards import (
    CHUNK_FILES,
    DATA_BYTES,
    VIDEO_BYTES,
    Images,
    TableShards,
    VideoShards,
    png_column,
    png_type,
)
from telos.data.formats.lerobot.summaries import as_json, merged
from telos.data.join import slabs
from telos.data.statistics import StreamStatistics
from telos.data.store import EpisodeFile
from telos.types import Episode

if TYPE_CHECKING:
    import pyarrow as pa

DEFAULT_FPS = 20.0
"""Frames per second of a file that does not say."""
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """How a LeRobot dataset is written."""

    images: Images = "h264"
    """``h264`` (small, with the error of a codec), ``lossless`` (H.264 of every pixel)
    or ``png`` (pictures in the tables)."""
    fps: float | None = None
    """Frames per second; by default what the file says, else 20."""
    task: str = ""
    """What is done in the episodes, where the file has no texts of tasks."""
    overwrite: bool = False
    """Replace an existing dataset."""


DEFAULTS = ExportSettings()


def export_lerobot(
    file: EpisodeFile,
    out: Path,
    settings: ExportSettings = DEFAULTS,
    progress: Callable[[int, int], None] = lambda done, wanted: None,
) -> None:
    """Write a dataset, whole or not at all.

    LeRobot stores an action beside every frame: the last action of an episode is
    written twice. Seeds and layouts have no place in it and are left out, except for
    the number of the task.

    Args:
        file: What to write.
        out: Folder of the dataset.
        settings: How.
        progress: Told how many episodes are done and how many there are.

    Raises:
        FileExistsError: If the folder exists, and is not to be replaced or is no
            LeRobot dataset.
        ValueError: If something has a name that LeRobot needs itself.
        OSError: If the disk is full.
        ModuleNotFoundError: If pyarrow is not installed.
    """
    import pyarrow  # noqa: F401  (before anything is made)

    _refuse(out, overwrite=settings.overwrite)
    with _whole_folder(out) as folder:
        writing = _Writing(file, folder, settings)
        with closing(writing):
            for index, episode in enumerate(_episodes(file)):
                writing.add(index, episode)
                progress(index + 1, file.num_episodes)
        writing.finish()


def _refuse(out: Path, *, overwrite: bool) -> None:
    if not out.exists() and not out.is_symlink():
        return
    if not overwrite:
        raise FileExistsError(f"{out} exists: replace it with --overwrite")
    if not (out / INFO).is_file():
        raise FileExistsError(
            f"{out} is no LeRobot dataset, so it is not replaced; choose another folder"
        )


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """A folder to write in, which then takes its name in one operation."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".tmp-{os.getpid()}-{out.name}")
    old = out.with_name(f".tmp-{os.getpid()}-old-{out.name}")
    temporary.mkdir()
    try:
        yield temporary
        if out.exists():
            out.rename(old)
        temporary.rename(out)
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)


class _Writing:
    """A dataset that is being written, episode by episode."""

    def __init__(
        self, file: EpisodeFile, folder: Path, settings: ExportSettings
    ) -> None:
        self._file, self._folder, self._settings = file, folder, settings
        self._fps = float(settings.fps or file.spec.options.get("fps") or DEFAULT_FPS)
        self._plan = outgoing(file.spec, with_time=_own_time(file, self._fps))
        self._tasks = _tasks(file, settings)
        self._frames = 0
        self._totals: dict[str, StreamStatistics] = {}
        self._stack = ExitStack()
        self._data = TableShards(folder / "data", _schema(self._plan, settings.images))
        self._stack.callback(self._data.close)
        self._videos = self._open_videos()
        self._listing = Listing(folder / "meta" / "episodes")
        self._stack.callback(self._listing.close)

    def close(self) -> None:
        self._stack.close()

    def add(self, index: int, episode: Episode) -> None:
        """Write one episode."""
        columns = columns_of(
            self._plan, episode, index=index, first=self._frames, fps=self._fps
        )
        pictures = {
            key: np.broadcast_to(
                episode.observations[name],
                (len(columns[TASK]), *self._plan.pictures[key]),
            )
            for key, name in self._plan.cameras.items()
        }
        clips = {key: self._videos[key].add(pictures[key]) for key in self._videos}
        place = self._data.place
        self._data.add(self._table(columns, pictures))
        found = {
            key: StreamStatistics.of_array(values)
            for key, values in {**columns, **pictures}.items()
        }
        self._totals = merged(self._totals, found)
        length = len(columns[TASK])
        where = row_of(
            index,
            first=self._frames,
            length=length,
            tasks=[self._tasks[int(n)] for n in np.unique(columns[TASK])],
            place=place,
            clips=clips,
            fps=self._fps,
        )
        self._listing.add({**where, **statistics_of(found, self._plan.pictures)})
        self._frames += length

    def finish(self) -> None:
        """Write what is known at the end."""
        save_json(self._folder / INFO, self._info())
        stats = {
            key: as_json(found, self._plan.pictures.get(key))
            for key, found in self._totals.items()
        }
        save_json(self._folder / "meta" / "stats.json", stats)
        _write_tasks(self._folder / "meta" / "tasks.parquet", self._tasks)

    def _open_videos(self) -> dict[str, VideoShards]:
        if self._settings.images == "png":
            return {}
        videos = {}
        for key, (height, width, _) in self._plan.pictures.items():
            videos[key] = VideoShards(
                self._folder / "videos" / key,
                (height, width),
                self._fps,
                lossless=self._settings.images == "lossless",
            )
            self._stack.callback(videos[key].close)
        return videos

    def _table(
        self, columns: dict[str, np.ndarray], pictures: dict[str, np.ndarray]
    ) -> pa.Table:
        import pyarrow as pa

        arrays = {
            key: arrow_column(columns[key], stream)
            for key, stream in self._plan.specs.items()
        }
        if self._settings.images == "png":
            arrays |= {key: png_column(values) for key, values in pictures.items()}
        schema = _schema(self._plan, self._settings.images)
        return pa.table(arrays, schema=schema)

    def _info(self) -> dict[str, Any]:
        spec, fps = self._file.spec, self._fps
        features = described(self._plan, spec)
        features |= {key: self._camera_entry(key) for key in self._plan.cameras}
        return {
            "codebase_version": "v3.0",
            "robot_type": spec.options.get("robot", spec.id),
            "total_episodes": self._file.num_episodes,
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": CHUNK_FILES,
            "data_files_size_in_mb": DATA_BYTES // 2**20,
            "video_files_size_in_mb": VIDEO_BYTES // 2**20,
            "fps": int(fps) if fps.is_integer() else fps,
            "splits": {"train": f"0:{self._file.num_episodes}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH if self._videos else None,
            "features": features,
        }

    def _camera_entry(self, key: str) -> dict[str, Any]:
        height, width, channels = self._plan.pictures[key]
        entry = {
            "dtype": "video" if key in self._videos else "image",
            "shape": [height, width, channels],
            "names": ["height", "width", "channels"],
        }
        if key in self._videos:
            entry["info"] = {
                "video.height": height,
                "video.width": width,
                "video.codec": "h264",
                "video.pix_fmt": self._videos[key].pixel_format,
                "video.is_depth_map": False,
                "video.fps": self._fps,
                "video.channels": channels,
                "has_audio": False,
            }
        return entry


def _episodes(file: EpisodeFile) -> Iterator[Episode]:
    """All episodes, read a few at a time."""
    for slab in slabs(file):
        for index in range(slab.num_episodes):
            yield slab.episode(index)


def _own_time(file: EpisodeFile, fps: float) -> bool:
    """Whether the label `time` says something else than LeRobot's time stamps."""
    if "time" not in file.spec.labels:
        return False
    times = np.asarray(file.load(streams=[]).labels["time"])
    stamps = np.concatenate([time_stamps(length, fps) for length in file.lengths])
    return times.shape != stamps.shape or bool((times != stamps).any())


def _tasks(file: EpisodeFile, settings: ExportSettings) -> list[str]:
    """Texts by their number; every number that occurs has one."""
    texts = [str(text) for text in file.spec.options.get("tasks", ())]
    numbers = [0]
    if TASK in file.spec.labels:
        numbers = np.unique(file.load(streams=[]).labels[TASK]).tolist()
    if min(numbers) < 0:
        raise ValueError(f"label {TASK!r} has negative values, expected numbers from 0")
    texts = texts or [settings.task or file.spec.id]
    return texts + [f"task {n}" for n in range(len(texts), int(max(numbers)) + 1)]


def _schema(plan: Outgoing, images: Images) -> pa.Schema:
    import pyarrow as pa

    fields = [(key, arrow_type(stream)) for key, stream in plan.specs.items()]
    if images == "png":
        fields += [(key, png_type()) for key in plan.cameras]
    return pa.schema(fields)


def _write_tasks(path: Path, tasks: list[str]) -> None:
    """A table as pandas writes it, with the texts as index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    index = "__index_level_0__"
    columns = [
        {"name": TASK, "field_name": TASK, "pandas_type": "int64",
         "numpy_type": "int64", "metadata": None},
        {"name": None, "field_name": index, "pandas_type": "unicode",
         "numpy_type": "object", "metadata": None},
    ]  # fmt: skip
    pandas = {"index_columns": [index], "column_indexes": [], "columns": columns}
    table = pa.table({TASK: list(range(len(tasks))), index: tasks})
    table = table.replace_schema_metadata({"pandas": json.dumps(pandas)})
    pq.write_table(table, path)
