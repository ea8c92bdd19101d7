"""Write frames as an MP4 file that every browser plays."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np

from telos.config import atomic_write


def write_mp4(path: str | Path, frames: np.ndarray, fps: int = 20) -> Path:
    """Encode (T, H, W, 3) uint8 frames as H.264 in yuv420p.

    An odd side is shortened by one pixel, since that format stores colour at half
    resolution.

    Raises:
        ValueError: If the frames have another shape or dtype, or there are none.
    """
    path, frames = Path(path), np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise ValueError(
            f"frames are {frames.shape} {frames.dtype}: expected (T, H, W, 3) uint8"
        )
    if len(frames) == 0:
        raise ValueError(f"nothing to film: frames {frames.shape} at {fps} per second")
    return stream_mp4(path, iter(frames), fps)


def stream_mp4(path: str | Path, frames: Iterable[np.ndarray], fps: float = 20) -> Path:
    """Encode (H, W, 3) uint8 frames of one size, one at a time; see `write_mp4`.

    Raises:
        ValueError: If there are none, they are smaller than 2 x 2, or the file does not
            end in .mp4.
    """
    path, frames = Path(path), iter(frames)
    first = next(frames, None)
    if first is None or min(first.shape[:2]) < 2 or not fps > 0:
        shape = None if first is None else first.shape
        raise ValueError(f"nothing to film: frames {shape} at {fps} per second")
    if path.suffix != ".mp4":
        raise ValueError(f"the film {str(path)!r} must end in .mp4")
    whole = chain([first], frames)
    return atomic_write(path, lambda temporary: _encode(temporary, whole, fps))


def _encode(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    import av

    rate = Fraction(fps).limit_denominator(1001)
    with av.open(
        str(path), "w", format="mp4", options={"movflags": "faststart"}
    ) as out:
        stream = out.add_stream("libx264", rate=rate, options={"crf": "20"})
        stream.pix_fmt = "yuv420p"
        for number, image in enumerate(frames):
            even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
            if number == 0:
                stream.height, stream.width = even.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
