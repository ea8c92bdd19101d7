"""Rows of a table and pictures of cameras, put together as an episode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from telos.data.formats.decode import decode_picture
from telos.data.formats.lerobot.cameras import Camera
from telos.data.formats.lerobot.features import ACTION, STATE, TIMESTAMP
from telos.data.formats.lerobot.info import Info
from telos.data.formats.lerobot.selection import EPISODE, TASK, Selection
from telos.data.formats.lerobot.tables import Entry, find_clip
from telos.data.formats.parquet import contents, numbers
from telos.data.validation import ACTION_TOLERANCE
from telos.envs.world import WorldSpec
from telos.types import Episode

if TYPE_CHECKING:
    import pyarrow as pa


class Assembly:
    """Makes episodes; keeps the cameras' files open, see `close`."""

    def __init__(
        self,
        info: Info,
        selection: Selection,
        spec: WorldSpec,
        size: tuple[int, int] | None,
    ) -> None:
        self._info, self._selection, self._spec = info, selection, spec
        self._size = size
        self._cameras = {key: Camera(size, 1 / info.fps) for key in selection.videos}

    def close(self) -> None:
        for camera in self._cameras.values():
            camera.close()

    def episode(self, number: int, entry: Entry, table: pa.Table) -> Episode:
        """The episode of a table's rows.

        Raises:
            FileNotFoundError: If a video is missing.
            ValueError: If something is damaged or contradicts the tables.
        """
        self._check_owner(entry, table)
        streams = {
            name: self._stack(name, self._pictures(entry, key, table), entry.length)
            for name, key in self._selection.cameras.items()
        }
        if self._selection.has_state:
            streams["state"] = self._numbers(table, STATE).astype(np.float32)
        return Episode(
            observations=streams,
            actions=self._actions(entry, table),
            labels=self._labels(entry, table),
            seed=number,
            layout=self._layout(table),
        )

    def _numbers(self, table: pa.Table, name: str) -> np.ndarray:
        return numbers(table, name, self._info.features[name].shape)

    def _check_owner(self, entry: Entry, table: pa.Table) -> None:
        """The rows at the place where the table of episodes says that they are."""
        owners = np.unique(numbers(table, EPISODE, ()))
        if owners.tolist() != [entry.index]:
            raise ValueError(
                f"rows {entry.row} to {entry.row + entry.length - 1} of its file "
                f"belong to episodes {owners.tolist()}; the tables contradict each "
                "other"
            )

    def _actions(self, entry: Entry, table: pa.Table) -> np.ndarray:
        """(T, A) float32 without the last one, which no frame answers."""
        steps = entry.length - 1
        if ACTION not in self._info.features:
            return np.zeros((steps, 0), np.float32)
        actions = self._numbers(table, ACTION).reshape(entry.length, -1)[:-1]
        low, high = self._spec.action_low, self._spec.action_high
        slack = ACTION_TOLERANCE * (high - low)
        if (actions < low - slack).any() or (actions > high + slack).any():
            raise ValueError(
                "actions lie outside of the range that the dataset's own statistics "
                "name; delete its meta/stats.json or meta/episodes_stats.jsonl, and "
                "the range is measured instead"
            )
        return actions.astype(np.float32)

    def _labels(self, entry: Entry, table: pa.Table) -> dict[str, np.ndarray]:
        labels = {}
        for name, key in self._selection.labels.items():
            stream = self._spec.labels[name]
            values = self._numbers(table, key).reshape(entry.length, *stream.shape)
            labels[name] = values.astype(stream.dtype)
        return labels

    def _layout(self, table: pa.Table) -> dict[str, float]:
        if TASK not in self._info.features:
            return {}
        return {"task": float(self._numbers(table, TASK).flat[0])}

    def _pictures(
        self, entry: Entry, key: str, table: pa.Table
    ) -> Iterator[np.ndarray]:
        if key not in self._cameras:
            return (decode_picture(c, self._size) for c in contents(table, key))
        clip = entry.clips[self._selection.videos.index(key)]
        path = find_clip(self._info, clip, key)
        return self._cameras[key].take(path, clip.start + self._times(entry, table))

    def _times(self, entry: Entry, table: pa.Table) -> np.ndarray:
        """(T+1,) seconds since the episode began."""
        if TIMESTAMP not in self._info.features:
            return np.arange(entry.length) / self._info.fps
        return self._numbers(table, TIMESTAMP).reshape(entry.length).astype(float)

    def _stack(
        self, name: str, pictures: Iterator[np.ndarray], length: int
    ) -> np.ndarray:
        """(T+1, H, W, 3) uint8."""
        shape = self._spec.streams[name].shape
        stack = np.empty((length, *shape), np.uint8)
        for index, picture in enumerate(pictures):
            if picture.shape != shape:
                raise ValueError(
                    f"{name}: the picture of frame {index} is {_by(picture.shape)}, "
                    f"expected {_by(shape)} as before; give a size to resize them to"
                )
            stack[index] = picture
        return stack


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"
