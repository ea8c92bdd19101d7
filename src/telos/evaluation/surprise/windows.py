"""Clips that are longer than what a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8

from telos.evaluation.surprise.watching import Watching, check_clips


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
        self._watching, self.length, self.stride = watching, length, stride

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`."""
        frames = check_clips(clips).shape[1]
        out = np.full(clips.shape[:2], np.nan)
        done = 0
        for start in self._starts(frames):
            end = min(start + self.length, frames)
            seen = self._watching.trace(clips[:, start:end], memory)
            out[:, done:end] = seen[:, done - start :]
            done = end
        return out

    def _starts(self, frames: int) -> Iterator[int]:
        """First frames of the windows; the last window ends with the clip."""
        last = max(frames - self.length, 0)
        yield from range(0, last, self.stride)
        yield last
