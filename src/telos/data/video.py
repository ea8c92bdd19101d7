"""Frames of a video file by their number, so that windows are cut from it directly."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from telos.data.frames import LazyFrames

CACHE_BYTES = 2**27
"""Decoded frames of one file that are kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Index:
    """When each frame is shown, and where decoding can begin; times in file units."""

    times: Int[np.ndarray, " N"]
    """Rising."""
    keys: Int[np.ndarray, " G"]
    """When each key frame is shown, rising."""
    starts: Int[np.ndarray, " G"]
    """Where to seek to so that decoding begins with that key frame, or before."""
    size: tuple[int, int]
    """Height and width."""


class VideoFrames(LazyFrames):
    """Frames (N, H, W, 3) of a video, uint8 RGB, in the order in which they are shown.

    A frame is decoded from the last key frame before it. Such groups of frames are
    decoded as a whole, and those that were used last are kept, up to a bound: a
    recording is quick to cut windows from if its key frames are close together.

    Opening reads the whole file once without decoding it. No file handle is kept.

    Args:
        path: A file that PyAV reads, with one video stream or more; the first is taken.
        image_size: Height and width that frames are resized to; as stored by default.
        cache_bytes: Decoded frames that are kept; a group that is larger is not.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no video, or its frames have no times of their own.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        image_size: tuple[int, int] | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path} does not exist; check the path")
        self._index = _read_index(self.path)
        self._size = image_size or self._index.size
        self._cache_bytes = cache_bytes
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self._index.times), *self._size, 3)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    def read(self, rows: Int[np.ndarray, " n"]) -> np.ndarray:
        """See `LazyFrames.read`."""
        out = np.empty((len(rows), *self.shape[1:]), np.uint8)
        index = self._index
        groups = np.searchsorted(index.keys, index.times[rows], side="right") - 1
        groups = np.maximum(groups, 0)
        with self._lock:
            for group in np.unique(groups):
                wanted = groups == group
                out[wanted] = self._frames(int(group), rows[wanted])
        return out

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process begins with nothing decoded."""
        return {**vars(self), "_kept": OrderedDict(), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    def _frames(self, group: int, rows: np.ndarray) -> np.ndarray:
        """Some frames of a group; the group is kept if it fits."""
        first, end = self._bounds(group)
        kept = self._kept.pop(group, None)
        if kept is None:
            fits = (end - first) * int(np.prod(self.shape[1:])) <= self._cache_bytes
            if not fits:
                return self._decode(group, rows)
            kept = self._decode(group, np.arange(first, end))
        self._kept[group] = kept
        while sum(a.nbytes for a in self._kept.values()) > self._cache_bytes:
            self._kept.popitem(last=False)
        return kept[rows - first]

    def _bounds(self, group: int) -> tuple[int, int]:
        """Numbers of a group's first frame, and of the one after its last."""
        times = self._index.times
        begins = np.searchsorted(times, self._index.keys)
        begins[0] = 0  # what is shown before the first key frame hangs on it too
        ends = np.append(begins[1:], len(times))
        return int(begins[group]), int(ends[group])

    def _decode(self, group: int, rows: np.ndarray) -> np.ndarray:
        """Decode some frames of one group."""
        place = {int(self._index.times[row]): at for at, row in enumerate(rows)}
        out = np.empty((len(rows), *self.shape[1:]), np.uint8)
        height, width = self._size
        missing = set(place)
        for frame in self._shown_from(group):
            if frame.pts in missing:
                image = frame.reformat(width=width, height=height, format="rgb24")
                out[place[frame.pts]] = image.to_ndarray()
                missing.discard(frame.pts)
            if not missing:
                return out
        raise ValueError(
            f"{self.path} is damaged: {len(missing)} frames from number {rows[0]} on "
            "cannot be decoded; restore a copy, or record anew"
        )

    def _shown_from(self, group: int) -> Iterator[Any]:
        """Decoded frames from a group's key frame on, or from one before it."""
        import av

        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                start = int(self._index.starts[group])
                container.seek(start, stream=stream, backward=True)
                yield from container.decode(stream)
        except av.FFmpegError as error:
            raise ValueError(f"{self.path} cannot be decoded: {error}") from error


def _read_index(path: Path) -> _Index:
    """Times of all frames, from the packets alone."""
    import av

    times: list[int] = []
    keys: list[tuple[int, int]] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError(f"{path} holds no video")
            stream = container.streams.video[0]
            size = (stream.height, stream.width)
            for packet in container.demux(stream):
                if not packet.size or packet.is_discard:
                    continue
                if packet.pts is None:
                    raise ValueError(
                        _unknown(path, "does not say when frames are shown")
                    )
                times.append(packet.pts)
                if packet.is_keyframe:
                    decoded = packet.pts if packet.dts is None else packet.dts
                    keys.append((packet.pts, min(packet.pts, decoded)))
    except av.FFmpegError as error:
        raise ValueError(f"{path} is no video that can be read: {error}") from error
    if not keys:
        raise ValueError(_unknown(path, "has no key frame"))
    if len(set(times)) < len(times):
        raise ValueError(_unknown(path, "shows two frames at once"))
    keys.sort()
    return _Index(
        times=np.array(sorted(times), np.int64),
        keys=np.array([shown for shown, _ in keys], np.int64),
        starts=np.array([start for _, start in keys], np.int64),
        size=size,
    )


def _unknown(path: Path, what: str) -> str:
    return (
        f"{path} {what}, so that no frame can be found by its number; convert it to "
        "MP4 first"
    )
