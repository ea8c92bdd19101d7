"""Where the frames of a training lie: in memory, in a scratch, or in their file."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from telos.data.scratch import MEMORY, Room, Scratch
from telos.envs.world import StreamSpec, WorldSpec
from telos.perception import build_reduction
from telos.runtime import available_memory_bytes
from telos.world_model import JEPAConfig

Place = Literal["memory", "scratch", "file"]
Where = Literal["auto", "memory", "scratch", "file"]

SHARE = 0.5
"""Of what is free, in memory and on the disk, that frames may take; the rest is for the
training itself, and for others."""
GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The choice, and why it fell as it did, for people."""

    place: Place
    folder: Path
    """Where a scratch is put."""
    reason: str

    def room(self) -> Room | None:
        """What `train` is told; None leaves frames in their file.

        Raises:
            FileNotFoundError: If there is no folder for the scratch.
        """
        if self.place == "file":
            return None
        return MEMORY if self.place == "memory" else Scratch(self.folder)


def choose_reading(
    config: JEPAConfig,
    spec: WorldSpec,
    num_frames: int,
    wanted: Where = "auto",
    *,
    folder: Path,
    processes: int = 1,
) -> Reading:
    """Choose where reduced frames are kept while the encoder trains.

    Args:
        config: Which streams the model sees, and how images are reduced.
        spec: The recorded world.
        num_frames: Frames of the recording.
        wanted: memory, scratch, file, or auto: memory if they take at most half of what
            is free, else a scratch if that takes at most half of the disk's free room,
            else file. Features of a frozen network are in no file: for them the last
            resort is a scratch.
        folder: Where a scratch would be put; it need not exist yet.
        processes: Processes on this machine that train together; each keeps its own.

    Raises:
        ValueError: If a scratch is needed that does not fit on its disk, or features
            are to be read from a file.
    """
    costly = build_reduction(config.backbone).costly
    if costly and wanted == "file":
        raise ValueError(
            "a frozen network looks at every frame once, and what it saw is not in the "
            "file: keep it with --frames memory, scratch or auto"
        )
    frames = processes * num_frames
    needed = frames * seen_frame_bytes(config, spec)
    free = available_memory_bytes()
    # Whatever has a row per frame goes to a scratch, and latents twice on their way.
    scratch = needed + frames * (row_bytes(spec) + latent_bytes(config))
    room = shutil.disk_usage(_existing(folder)).free
    last: Place = "scratch" if costly else "file"
    place = _place(wanted, needed / max(1, free), scratch / max(1, room), last)
    asked = "" if wanted == "auto" else ", as asked for"
    size = f"{needed / GIB:.2g} GiB of the {free / GIB:.2g} GiB that are free"
    disk = f"{scratch / GIB:.2g} GiB of the {room / GIB:.2g} GiB free in {folder}"
    if place == "scratch" and scratch > room:
        instead = "" if costly else ", or do without it (--frames file)"
        raise ValueError(
            f"a scratch would take {disk}: make room, or name a folder on another disk "
            f"with --scratch{instead}"
        )
    why = asked or f", more than {SHARE:.0%}"
    reasons = {
        "memory": f"in memory ({size}{asked})",
        "scratch": f"in a scratch file ({disk}; in memory {size}{why})",
        "file": f"read from the file (in memory they would take {size}{why})",
    }
    what = "features" if costly else "frames"
    return Reading(place=place, folder=folder, reason=f"{what}: {reasons[place]}")


def choose_clips(
    seen_shape: tuple[int, int, int],
    num_frames: int,
    wanted: Literal["auto", "memory", "file"] = "auto",
    *,
    processes: int = 1,
) -> Reading:
    """Choose where reduced frames are kept while a watcher trains.

    Args:
        seen_shape: (h, w, C) of a frame as it sees it, in bytes.
        num_frames: Frames of the recording.
        wanted: memory, file, or auto: memory if they take at most half of what is free.
        processes: Processes on this machine that train together; each keeps its own.
    """
    needed = processes * num_frames * int(np.prod(seen_shape))
    free = available_memory_bytes()
    place = _place(wanted, needed / max(1, free), math.inf, "file")
    size = f"they take {needed / GIB:.2g} GiB of the {free / GIB:.2g} GiB that are free"
    where = "in memory" if place == "memory" else "read from the file"
    return Reading(place=place, folder=Path(), reason=f"frames: {where} ({size})")


def _place(wanted: Where, of_memory: float, of_disk: float, last: Place) -> Place:
    """What is wanted, or the quickest that takes no more than its share."""
    if wanted != "auto":
        return wanted
    if of_memory <= SHARE:
        return "memory"
    return "scratch" if of_disk <= SHARE else last


def seen_frame_bytes(config: JEPAConfig, spec: WorldSpec) -> int:
    """Bytes of one frame as the trained layers see it, all streams together."""
    kept, total = build_reduction(config.backbone).dtype, 0
    for name, shape in config.streams.items():
        stored = spec.streams[name]
        total += (
            int(np.prod(config.seen_shape(shape)))
            * (kept if len(shape) == 3 else np.dtype(stored.dtype)).itemsize
        )
    return total


def row_bytes(spec: WorldSpec) -> int:
    """Bytes of labels and actions of one frame."""
    return 4 * spec.action_dim + sum(map(_bytes, spec.labels.values()))


def latent_bytes(config: JEPAConfig) -> int:
    """Bytes that the latents of one frame take while they are worked out."""
    return 4 * (2 * config.latent_dim + config.state_dim)


def _bytes(stream: StreamSpec) -> int:
    return int(np.prod(stream.shape)) * np.dtype(stream.dtype).itemsize


def _existing(folder: Path) -> Path:
    """The folder, or the closest one around it that is there."""
    whole = folder.absolute()
    return next(f for f in (whole, *whole.parents) if f.is_dir())
