"""Anyone's video as frames that a model can look at: any size, any frame rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from telos.data.formats.decode import Video

MOST_FRAMES = 20_000
"""Frames of one video that are looked at; a longer one needs a lower rate."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Footage:
    """A video as a model sees it."""

    path: Path
    frames: UInt8[np.ndarray, "T h w 3"]
    times: Float[np.ndarray, " T"]
    """Seconds since the first frame."""
    fps: float
    """Frames per second that are looked at, on average."""
    notes: Sequence[str]
    """What was changed to make it fit, for people."""


def read_video(
    path: str | Path,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    shortest: int = 2,
) -> Footage:
    """Decode a video, resized and thinned out as a model needs it.

    Colours of a grey video are repeated. Frames are averaged down; the aspect ratio is
    not kept, as in training. For a lower rate the newest frame at each tick is taken.

    Args:
        path: MP4, MKV, WebM, MOV or AVI.
        size: Height and width to look at; None keeps those of the video.
        fps: Frames per second to look at; None takes all.
        shortest: Frames that are needed at least.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no video, damaged, too short or too long, or the rate is
            not positive or more than twice that of the video.
    """
    path = Path(path)
    if fps is not None and fps <= 0:
        raise ValueError(f"a rate of {fps} frames per second: expected more than 0")
    with Video(path, size) as video:
        own = video.fps
        pictures, times = _taken(video, fps)
    if len(pictures) < shortest:
        raise ValueError(
            f"{path} gives {len(pictures)} frame(s), expected at least {shortest}: one "
            "frame surprises nobody; take a longer video, or a higher rate"
        )
    if fps is not None and own is not None and fps > own * 1.01:
        raise ValueError(
            f"{path} has {own:g} frames per second, asked are {fps:g}: no frames are "
            "made up; ask for at most its own rate"
        )
    seconds = np.array(times) - times[0]
    return Footage(
        path=path,
        frames=np.stack(pictures),
        times=seconds,
        fps=float((len(seconds) - 1) / max(seconds[-1], 1e-9)),
        notes=_notes(path, size, fps, own),
    )


def display_frames(
    path: Path, times: Float[np.ndarray, " T"], side: int
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The frames at given times again, larger: the longer side has so many pixels.

    One at a time, so that a long video fits into memory.
    """
    from telos.data.formats.decode import probe

    height, width = probe(path).size
    scale = side / max(height, width)
    size = max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)
    with Video(path, size) as video:
        began, done = None, 0
        for time, frame in video.frames():
            began = time if began is None else began
            if done < len(times) and time - began >= times[done] - 1e-6:
                done += 1
                yield video.pixels(frame)


def _taken(
    video: Video, fps: float | None
) -> tuple[list[UInt8[np.ndarray, "h w 3"]], list[float]]:
    """Pictures and times of the frames that are looked at."""
    pictures: list[np.ndarray] = []
    times: list[float] = []
    began, ticks = None, 0
    for time, frame in video.frames():
        began = time if began is None else began
        if fps is not None and (time - began) * fps < ticks - 1e-3:
            continue
        picture = video.pixels(frame)
        if pictures and picture.shape != pictures[0].shape:
            raise ValueError(
                f"{video.path}: frame {len(times)} is {picture.shape[:2]} pixels, "
                f"those before {pictures[0].shape[:2]}; give a size to resize them to"
            )
        pictures.append(picture)
        times.append(time)
        ticks = 1 + int((time - began) * fps + 1e-3) if fps is not None else 0
        if len(times) > MOST_FRAMES:
            raise ValueError(
                f"{video.path} has more than {MOST_FRAMES} frames: cut it, or look at "
                "fewer per second with --fps"
            )
    return pictures, times


def _notes(
    path: Path, size: tuple[int, int] | None, fps: float | None, own: float | None
) -> list[str]:
    from telos.data.formats.decode import probe

    found, notes = probe(path).size, []
    if size is not None and found != size:
        notes.append(
            f"frames of {found[1]} x {found[0]} pixels were resized to "
            f"{size[1]} x {size[0]}, as the model was trained"
        )
        if abs(found[0] * size[1] - found[1] * size[0]) > 0.05 * found[1] * size[0]:
            notes.append("the resizing changed the shape of things")
    if fps is not None and own is not None and fps < own * 0.99:
        notes.append(f"of {own:g} frames per second, {fps:g} were looked at")
    return notes
