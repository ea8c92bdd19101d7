"""Any `Watching` with a part of what it knows taken away."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from telos.evaluation.surprise.watching import Watching, check_clips


class LimitedMemory:
    """A model that looks at the newest frames only, whatever it is asked for.

    A memory that is shorter than the occlusion has a contrast of 0 on exact splices.
    """

    def __init__(self, watching: Watching, memory: int) -> None:
        if memory < 1:
            raise ValueError(f"a memory of {memory} frames: expected at least 1")
        self._watching, self._memory = watching, memory

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`."""
        allowed = self._memory if memory is None else min(memory, self._memory)
        return self._watching.trace(clips, allowed)


class ShuffledContext:
    """A model whose context comes in a random order, the same for all clips.

    It still sees what was there, and no longer how it moved.

    Args:
        watching: The model.
        seed: Decides the orders.
    """

    def __init__(self, watching: Watching, seed: int = 0) -> None:
        self._watching, self._seed = watching, seed

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`; it looks at a clip once for every frame."""
        rng = np.random.default_rng(self._seed)
        out = np.full(check_clips(clips).shape[:2], np.nan)
        for frame in range(1, clips.shape[1]):
            start = 0 if memory is None else max(0, frame - memory)
            order = start + rng.permutation(frame - start)
            seen = clips[:, [*order, frame]]
            out[:, frame] = self._watching.trace(seen, memory)[:, -1]
        return out


class OtherContext:
    """A model whose context is that of another clip, the same for all.

    Every frame is then judged by itself: the surprise of a clip is a sum over its
    frames, and on quadruplets of the same frames the contrast is exactly 0.

    Args:
        watching: The model.
        donor: The clip whose frames are shown instead of those that came before.
    """

    def __init__(self, watching: Watching, donor: UInt8[np.ndarray, "T H W 3"]) -> None:
        self._watching, self._donor = watching, donor

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`; it looks at a clip once for every frame.

        Raises:
            ValueError: If the donor is shorter, or has another size.
        """
        frames = check_clips(clips).shape[1]
        if len(self._donor) < frames - 1 or self._donor.shape[1:] != clips.shape[2:]:
            raise ValueError(
                f"the context comes from a clip {self._donor.shape}: expected at least "
                f"{frames - 1} frames of shape {clips.shape[2:]}"
            )
        out = np.full(clips.shape[:2], np.nan)
        for frame in range(1, frames):
            context = np.broadcast_to(
                self._donor[:frame], (len(clips), frame, *clips.shape[2:])
            )
            seen = np.concatenate([context, clips[:, frame : frame + 1]], axis=1)
            out[:, frame] = self._watching.trace(seen, memory)[:, -1]
        return out
