"""Clips as video files and as folders of pictures."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from PIL import Image


def write_video(
    path: Path, clip: np.ndarray, fps: float = 10, pix_fmt: str = "yuv420p"
) -> Path:
    """(T, H, W, 3) uint8 as H.264 at a rate that may be odd."""
    from fractions import Fraction

    path.parent.mkdir(parents=True, exist_ok=True)
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"crf": "1"})
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = pix_fmt
        for image in clip:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def write_pictures(folder: Path, clip: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for number, image in enumerate(clip):
        Image.fromarray(image).save(folder / f"scene_{number:03d}.png")
    return folder


def large(clip: np.ndarray, times: int = 4) -> np.ndarray:
    """Pixels repeated, so that a codec keeps them."""
    return clip.repeat(times, axis=-3).repeat(times, axis=-2)
