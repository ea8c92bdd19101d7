"""Matched videos of a published benchmark, however its folder is laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from telos.data.formats.decode import Video, decode_picture

PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, kw_only=True)
class Case:
    """Possible and impossible videos of one scene."""

    concept: str
    name: str
    possible: Sequence[Path]
    """Video files, or folders of pictures."""
    impossible: Sequence[Path]
    matched: bool
    """The i-th possible belongs to the i-th impossible video; otherwise the pairs are
    those that begin alike for longest."""

    @property
    def videos(self) -> Sequence[Path]:
        """All, possible ones first."""
        return (*self.possible, *self.impossible)


def read_frames(
    path: Path, size: tuple[int, int] | None, step: int
) -> UInt8[np.ndarray, "T h w 3"]:
    """Every step-th frame of a video file or of a folder of pictures.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If it cannot be decoded, or has fewer than two frames.
    """
    if step < 1:
        raise ValueError(f"every {step}th frame: expected at least 1")
    frames = _pictures(path, size, step) if path.is_dir() else _video(path, size, step)
    if len(frames) < 2:
        raise ValueError(
            f"{path} gives {len(frames)} frame(s) with a step of {step}, expected at "
            "least 2: take a smaller step"
        )
    return np.stack(frames)


def pairs_of(
    clips: Sequence[UInt8[np.ndarray, "T h w 3"]], case: Case
) -> Sequence[tuple[int, int]]:
    """Pairs (possible, impossible), as numbers of the case's videos."""
    possible = range(len(case.possible))
    impossible = range(len(case.possible), len(case.videos))
    straight = list(zip(possible, impossible, strict=True))
    if case.matched or len(possible) != 2:
        return straight
    crossed = list(zip(possible, reversed(impossible), strict=True))

    def alike(pairs: list[tuple[int, int]]) -> int:
        return sum(_prefix(clips[a], clips[b]) for a, b in pairs)

    return max(straight, crossed, key=alike)


def folders(path: Path) -> Sequence[Path]:
    """Folders in a folder, by name, numbers by their value; hidden ones left out."""
    found = [f for f in path.iterdir() if f.is_dir() and not f.name.startswith(".")]
    return sorted(found, key=lambda f: (len(f.name), f.name))


def _prefix(one: np.ndarray, other: np.ndarray) -> int:
    """Frames until two clips differ."""
    length = min(len(one), len(other))
    differ = (one[:length] != other[:length]).any(axis=(1, 2, 3))
    return int(differ.argmax()) if differ.any() else length


def _video(path: Path, size: tuple[int, int] | None, step: int) -> list[np.ndarray]:
    with Video(path, size) as video:
        numbered = enumerate(video.frames())
        return [video.pixels(f) for number, (_, f) in numbered if number % step == 0]


def _pictures(path: Path, size: tuple[int, int] | None, step: int) -> list[np.ndarray]:
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in PICTURES)
    if not files:
        raise FileNotFoundError(f"{path} holds no pictures ({', '.join(PICTURES)})")
    return [decode_picture(file.read_bytes(), size) for file in files[::step]]
