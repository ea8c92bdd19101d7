"""Cameras of a dataset: episodes cut out of video shards that are read forwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from telos.data.formats.decode import Video

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

TOLERANCE = 1 / 3
"""Share of a frame's period by which its time may differ from what the table says."""


class Camera:
    """One camera; keeps its shard open between episodes, so that none is sought twice.

    Args:
        size: Height and width that pictures are resized to; None leaves them.
        period: Seconds between two frames, as the dataset says.
    """

    def __init__(self, size: tuple[int, int] | None, period: float) -> None:
        self._size, self._slack = size, TOLERANCE * period
        self._video: Video | None = None
        self._frames: Iterator[tuple[float, VideoFrame]] = iter(())
        self._reached = 0.0
        """Time of the last frame that was read."""

    def take(self, path: Path, times: np.ndarray) -> Iterator[np.ndarray]:
        """Pictures (H, W, 3) uint8 at times in seconds, which must rise.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the video is damaged, or has no frame at one of the times.
        """
        video = self._at(path, times[0])
        for wanted in times:
            time, frame = self._next(path, wanted)
            if time > wanted + self._slack:
                raise ValueError(
                    f"{path} has no frame at {wanted:.3f} s, the next one is at "
                    f"{time:.3f} s: the video runs at {video.fps or 0:.4g} frames per "
                    "second, the table of the dataset says otherwise"
                )
            yield video.pixels(frame)

    def close(self) -> None:
        if self._video is not None:
            self._video.close()
        self._video = None

    def _at(self, path: Path, time: float) -> Video:
        """The video, somewhere before a time."""
        video = self._video
        if video is not None and video.path == path and self._reached < time:
            return video
        self.close()
        self._video = video = Video(path, self._size)
        if time > 0:
            video.seek(time)
        self._frames, self._reached = video.frames(), -1.0
        return video

    def _next(self, path: Path, wanted: float) -> tuple[float, VideoFrame]:
        """The first frame that is not earlier than a time."""
        for time, frame in self._frames:
            self._reached = time
            if time >= wanted - self._slack:
                return time, frame
        raise ValueError(
            f"{path} ends at {self._reached:.3f} s, but the table of the dataset "
            f"expects a frame at {wanted:.3f} s; restore a whole copy"
        )
