"""Where the frames of a training lie: in memory, or in their file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from telos.envs.world import WorldSpec
from telos.perception import build_reduction
from telos.runtime import available_memory_bytes
from telos.world_model import JEPAConfig

Where = Literal["auto", "memory", "file"]

SHARE = 0.5
"""Of the free memory that frames may take; the rest is for the training itself."""
GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The choice, and why it fell as it did, for people."""

    in_memory: bool
    reason: str


def choose_reading(
    config: JEPAConfig,
    spec: WorldSpec,
    num_frames: int,
    wanted: Where = "auto",
    *,
    processes: int = 1,
) -> Reading:
    """Choose where reduced frames are kept while the encoder trains.

    Args:
        config: Which streams the model sees, and how images are reduced.
        spec: The recorded world.
        num_frames: Frames of the recording.
        wanted: memory, file, or auto: memory if they take at most half of what is free.
        processes: Processes on this machine that train together; each keeps its own.
    """
    needed = processes * num_frames * seen_frame_bytes(config, spec)
    free = available_memory_bytes()
    what = "features" if build_reduction(config.backbone).costly else "frames"
    size = f"{needed / GIB:.2g} GiB of the {free / GIB:.2g} GiB that are free"
    if wanted == "auto":
        fits = needed <= SHARE * free
        why = "" if fits else f", more than {SHARE:.0%}"
    else:
        fits, why = wanted == "memory", ", as asked for"
    if fits:
        return Reading(in_memory=True, reason=f"{what}: in memory ({size}{why})")
    where = (
        "the file" if what == "frames" else "disk, computed once into the run folder"
    )
    reason = f"{what}: read from {where} (in memory they would take {size}{why})"
    return Reading(in_memory=False, reason=reason)


def seen_frame_bytes(config: JEPAConfig, spec: WorldSpec) -> int:
    """Bytes of one frame as the trained layers see it, all streams together."""
    reduction, total = build_reduction(config.backbone), 0
    for name, shape in config.streams.items():
        kind = np.dtype(spec.streams[name].dtype)
        if len(shape) == 3:
            height, width, colours = shape
            shape = reduction.shape((height, width, colours))
            kind = reduction.dtype
        total += int(np.prod(shape)) * kind.itemsize
    return total
