"""Videos and pictures as arrays: the one place of `telos` that decodes.

Every picture comes as uint8 (H, W, 3) in RGB and upright: what a camera noted about its
rotation is applied. Resizing averages areas, so that thin things fade but never vanish;
another aspect ratio is stretched.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from telos.data.formats.resize import AREA, resize

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

CONTAINERS = "mov,matroska,avi"
"""Demultiplexers that may open a file. Playlists and scripts, which can name other
files and addresses, are not among them, whatever the suffix says."""
MISSING = 0.01
"""Share of a video's promised duration that may be missing before it counts as cut."""


@dataclass(frozen=True, kw_only=True)
class VideoFacts:
    """What a video says about itself."""

    size: tuple[int, int]
    """Height and width of the upright picture."""
    fps: float | None
    """Average frames per second."""
    num_frames: int
    """As the stream says, or estimated from its duration; 0 where it says nothing."""


class Video:
    """A video file, read forwards; use as a context manager.

    Args:
        path: The file.
        size: Height and width that pictures are resized to; None leaves them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no video, or its tables are damaged.
    """

    def __init__(self, path: Path, size: tuple[int, int] | None = None) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist")
        self.path, self.size = path, size
        options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
        try:
            # An absolute path, because FFmpeg takes what stands before a colon for a
            # protocol.
            self._container = av.open(os.path.abspath(path), options=options)
        except av.FFmpegError as error:
            raise ValueError(
                f"{path} cannot be opened as a video ({error.strerror}); it is "
                "truncated, damaged or of another kind"
            ) from error
        # A stream without a decoder has no context, whatever its type says.
        videos = [s for s in self._container.streams.video if s.codec_context]
        if not videos:
            self._container.close()
            raise ValueError(f"{path} holds no video that can be decoded")
        self._stream = videos[0]
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.options = {"err_detect": "explode"}
        self._reformatter = VideoReformatter()
        self._number = 0
        """Frames decoded so far, or where a seek led to."""

    @property
    def fps(self) -> float | None:
        """Average frames per second."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate) if rate else None

    @property
    def duration(self) -> float | None:
        """Seconds, where the file promises them."""
        base = self._stream.time_base
        if self._stream.duration and base:
            return float(self._stream.duration * base)
        # A container's duration is that of its longest stream.
        if self._container.duration and len(self._container.streams) == 1:
            return self._container.duration / 1e6
        return None

    @property
    def num_frames(self) -> int:
        """As the stream says, or estimated from its duration; 0 if unknown."""
        estimate = round((self.duration or 0.0) * (self.fps or 0.0))
        return self._stream.frames or estimate

    def seek(self, seconds: float) -> None:
        """Go to the last key frame that is not later than a time."""
        base = self._stream.time_base
        if base is None:
            return
        self._container.seek(int(seconds / base), stream=self._stream, backward=True)
        self._number = round(seconds * (self.fps or 0.0))

    def frames(self) -> Iterator[tuple[float, VideoFrame]]:
        """Time in seconds and encoded picture of every frame, see `pixels`.

        Raises:
            ValueError: If the video is damaged or ends too early, naming the frame.
        """
        import av

        time = 0.0
        try:
            for packet in self._container.demux(self._stream):
                if packet.is_corrupt:
                    raise ValueError(self._damaged("the file ends inside it"))
                for frame in packet.decode():
                    time = self._time(frame)
                    yield time, frame
                    self._number += 1
        except av.FFmpegError as error:
            raise ValueError(self._damaged(error.strerror or "no reason")) from error
        self._check_end(time)

    def pixels(self, frame: VideoFrame) -> np.ndarray:
        """The upright picture, (H, W, 3) uint8.

        Raises:
            ValueError: If it could not be decoded completely.
        """
        if frame.is_corrupt:
            raise ValueError(self._damaged("parts of it are missing"))
        turns = round(frame.rotation / 90) % 4
        height, width = self.size or (None, None)
        if turns % 2:
            height, width = width, height
        # Without resizing as everyone converts, so that pixels are the same elsewhere.
        flags = None if self.size is None else AREA
        picture = self._reformatter.reformat(
            frame, width=width, height=height, format="rgb24", interpolation=flags
        )
        return np.rot90(picture.to_ndarray(), turns)

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _time(self, frame: VideoFrame) -> float:
        """Some containers (AVI) stamp no times: then the rate tells them."""
        if frame.time is not None:
            return frame.time
        return self._number / (self.fps or 1.0)

    def _check_end(self, time: float) -> None:
        promised, period = self.duration, 1 / (self.fps or 1.0)
        if promised is None:
            return
        if promised - time - period > max(2 * period, MISSING * promised):
            raise ValueError(
                f"{self.path} ends before frame {self._number}, at {time:.3f} s of "
                f"{promised:.3f} s; it is truncated: restore a whole copy"
            )

    def _damaged(self, reason: str) -> str:
        return (
            f"{self.path}: frame {self._number} cannot be decoded ({reason}); the file "
            "is truncated or damaged: restore a whole copy"
        )


def probe(path: Path) -> VideoFacts:
    """Look at a video's header and its first frame.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no video, is damaged or has no frame.
    """
    with Video(path) as video:
        for _, frame in video.frames():
            height, width = frame.height, frame.width
            if round(frame.rotation / 90) % 2:
                height, width = width, height
            return VideoFacts(
                size=(height, width), fps=video.fps, num_frames=video.num_frames
            )
    raise ValueError(f"{path} holds no frame")


def decode_picture(content: bytes, size: tuple[int, int] | None = None) -> np.ndarray:
    """A PNG or JPEG file's content as (H, W, 3) uint8, resized where asked for.

    Raises:
        ValueError: If it is no picture, is damaged, or has more than 8 bits a channel.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.mode.startswith(("I", "F")):
                raise ValueError(
                    f"a picture of mode {picture.mode} has more than 8 bits per channel"
                )
            pixels = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    # Pillow raises the first two for damaged files, the third for enormous ones.
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"a picture cannot be decoded ({error})") from error
    return pixels if size is None else resize(pixels[None], size)[0]
