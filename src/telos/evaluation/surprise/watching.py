"""What can be surprised: models and controls alike, behind one small protocol."""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8


class Watching(Protocol):
    """Looks at clips and says how surprising each frame was, given those before it."""

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """Surprise of each frame; NaN where nothing was predicted.

        Args:
            clips: uint8 RGB.
            memory: Frames of context that it may look at; None is all that it can.
        """
        ...


class Glances(Protocol):
    """All that is kept of frames that were looked at, each for itself."""

    def part(self, frames: slice) -> Self:
        """Those of some frames."""
        ...

    def followed_by(self, later: Self) -> Self:
        """These frames and those after them."""
        ...


@runtime_checkable
class Glancing(Watching, Protocol):
    """A `Watching` that looks at every frame for itself, and therefore only once.

    A window that slides along a video otherwise looks at each frame as often as it
    is long.
    """

    def glance(self, clips: UInt8[np.ndarray, "B T H W 3"]) -> Any:
        """`Glances` of the frames of clips."""
        ...

    def newest(
        self, glances: Any, memory: int | None = None
    ) -> Float[np.ndarray, " B"]:
        """Surprise of the last frame of each clip, as its trace would end."""
        ...


def check_clips(clips: np.ndarray) -> np.ndarray:
    """The clips, if they are what every `Watching` reads.

    Raises:
        ValueError: If they are not (B, T, H, W, 3) uint8 with a clip of two frames.
    """
    if clips.ndim != 5 or clips.shape[-1] != 3 or clips.dtype != np.uint8:
        raise ValueError(
            f"clips are {clips.shape} {clips.dtype}: expected (B, T, H, W, 3) uint8; "
            "repeat a grey channel three times"
        )
    if clips.shape[0] < 1 or clips.shape[1] < 2:
        raise ValueError(
            f"clips are {clips.shape}: expected at least one clip of 2 frames, because "
            "the first frame of a clip surprises nobody"
        )
    return clips


def check_memory(memory: int | None, needed: int) -> None:
    """Refuse a memory that is shorter than what is looked at.

    Raises:
        ValueError: If it is.
    """
    if memory is not None and memory < needed:
        raise ValueError(
            f"a memory of {memory} frames is too short: this needs {needed} frame(s) "
            "before the one that it judges"
        )


def trace_sets(
    watching: Watching,
    clips: UInt8[np.ndarray, "Q M T H W 3"],
    memory: int | None = None,
    batch: int = 64,
) -> Float[np.ndarray, "Q M T"]:
    """Traces of matched clips, such as quadruplets, a bounded number at a time.

    A set is never split between two batches: what a batch does to the numbers of a
    network is then the same for the members that are compared.
    """
    if clips.ndim != 6:
        raise ValueError(
            f"matched clips are {clips.shape}: expected (Q, M, T, H, W, 3), M clips of "
            "each of Q sets"
        )
    sets, members = clips.shape[:2]
    at_once = max(1, batch // members)
    parts = [
        watching.trace(
            check_clips(clips[i : i + at_once].reshape(-1, *clips.shape[2:])), memory
        )
        for i in range(0, sets, at_once)
    ]
    return np.concatenate(parts).astype(np.float64).reshape(sets, members, -1)
