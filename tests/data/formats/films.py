"""Small videos whose frames tell their number by their colours."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def pictures(count: int, height: int = 32, width: int = 48) -> np.ndarray:
    """(count, height, width, 3) uint8: plain quarters whose colours tell the frame."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    for t, picture in enumerate(frames):
        shade = 10 + 7 * (t % 32)
        picture[: height // 2, : width // 2] = (shade, 60, 120)
        picture[: height // 2, width // 2 :] = (200, shade, 30)
        picture[height // 2 :, : width // 2] = (30, 90, shade)
        picture[height // 2 :, width // 2 :] = (t, 255 - t, 128)
    return frames


def write_film(
    path: Path,
    frames: np.ndarray,
    *,
    fps: int = 10,
    codec: str = "libx264rgb",
    pixel_format: str = "rgb24",
    rotation: int = 0,
    movflags: str = "",
) -> Path:
    """Encode (N, H, W, 3) frames, without loss unless another codec is asked for."""
    options = {"movflags": movflags} if movflags else {}
    with av.open(str(path.absolute()), "w", options=options) as container:
        stream = container.add_stream(codec, rate=fps, options={"qp": "0"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        if rotation:
            stream.set_display_rotation(rotation)
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
