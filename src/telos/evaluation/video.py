"""Write frames as an MP4 file that every browser plays."""

from __future__ import annotations

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
    if len(frames) == 0 or min(frames.shape[1:3]) < 2 or fps < 1:
        raise ValueError(f"nothing to film: frames {frames.shape} at {fps} per second")
    if path.suffix != ".mp4":
        raise ValueError(f"the film {str(path)!r} must end in .mp4")
    even = frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]
    return atomic_write(path, lambda temporary: _encode(temporary, even, fps))


def _encode(path: Path, frames: np.ndarray, fps: int) -> None:
    import av

    with av.open(
        str(path), "w", format="mp4", options={"movflags": "faststart"}
    ) as out:
        stream = out.add_stream("libx264", rate=fps, options={"crf": "20"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for image in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
