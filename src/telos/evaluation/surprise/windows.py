"""Clips that are longer than what a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8

from telos.evaluation.surprise.watching import Glancing, Watching, check_clips

AT_ONCE = 256
"""Frames of a clip that are looked at together, so that memory stays bounded."""


class Windows:
    """Any `Watching`, looking through a window that slides along the clip.

    Every frame is judged once: in the earliest window that holds it, where it has the
    most context. A clip that is shorter than the window is looked at as it is.

    Args:
        watching: What looks.
        length: Frames of a window.
        stride: Frames that the window moves on; 1 gives every frame, once the clip is
            long enough, the same length - 1 frames of context.

    Raises:
        ValueError: If the window holds fewer than 2 frames, or the stride leaves frames
            out.
    """

    def __init__(self, watching: Watching, length: int, stride: int = 1) -> None:
        if length < 2 or not 1 <= stride < length:
            raise ValueError(
                f"windows of {length} frames that move on by {stride}: expected at "
                "least 2 frames, and a stride from 1 to one less than the window"
            )
        self.watching, self.length, self.stride = watching, length, stride

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`."""
        frames = check_clips(clips).shape[1]
        out = np.full(clips.shape[:2], np.nan)
        first = min(self.length, frames)
        out[:, :first] = self.watching.trace(clips[:, :first], memory)
        if self.stride == 1 and isinstance(self.watching, Glancing):
            self._follow(self.watching, clips, memory, out)
        else:
            self._repeat(clips, memory, out)
        return out

    def _repeat(self, clips: np.ndarray, memory: int | None, out: np.ndarray) -> None:
        """Fill in what comes after the first window, each window looked at anew."""
        frames = clips.shape[1]
        done = min(self.length, frames)
        for start in self._starts(frames):
            end = min(start + self.length, frames)
            seen = self.watching.trace(clips[:, start:end], memory)
            out[:, done:end] = seen[:, done - start :]
            done = end

    def _follow(
        self,
        watching: Glancing,
        clips: np.ndarray,
        memory: int | None,
        out: np.ndarray,
    ) -> None:
        """The same, each frame looked at once or, where blocks meet, twice."""
        frames, before = clips.shape[1], self.length - 1
        for block in range(self.length, frames, AT_ONCE):
            end = min(block + AT_ONCE, frames)
            seen = watching.glance(clips[:, block - before : end])
            for frame in range(block, end):
                first = frame - block
                window = seen.part(slice(first, first + self.length))
                out[:, frame] = watching.newest(window, memory)

    def _starts(self, frames: int) -> Iterator[int]:
        """First frames of the windows after the first; the last ends with the clip."""
        last = max(frames - self.length, 0)
        yield from range(self.stride, last, self.stride)
        if last:
            yield last
