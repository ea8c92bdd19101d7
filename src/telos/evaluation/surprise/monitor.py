"""Surprise while it happens, with a threshold of a known false-alarm rate."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from telos.evaluation.surprise.watching import (
    Glances,
    Glancing,
    Watching,
    check_clips,
)
from telos.evaluation.surprise.windows import Windows


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one frame did."""

    surprise: float
    """NaN for the first frames, of which nothing was predicted."""
    alarm: bool


class SurpriseMonitor:
    """Watches frames one by one and says which of them surprise too much.

    Args:
        watching: What looks.
        window: Frames that it looks at, the newest included.
        threshold: Surprise above which a frame is an alarm; see `calibrate`.
        memory: Frames of context within the window; None is all of it.

    Raises:
        ValueError: If the window holds fewer than 2 frames.
    """

    def __init__(
        self,
        watching: Watching,
        *,
        window: int,
        threshold: float = math.inf,
        memory: int | None = None,
    ) -> None:
        self._watching, self._windows = watching, Windows(watching, window)
        self._memory, self.threshold = memory, threshold
        self._window = window
        self._frames: deque[np.ndarray] = deque(maxlen=window)
        self._glances: Glances | None = None
        self._shape: tuple[int, ...] | None = None

    def reset(self) -> None:
        """Forget what was seen: the next frame begins another video."""
        self._frames.clear()
        self._glances = self._shape = None

    def update(self, frame: UInt8[np.ndarray, "H W 3"]) -> Reading:
        """See one more frame.

        Raises:
            ValueError: If it is no uint8 picture, or of another size than before.
        """
        if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype != np.uint8:
            raise ValueError(
                f"the frame is {frame.shape} {frame.dtype}: expected (H, W, 3) uint8"
            )
        if self._shape not in (None, frame.shape):
            raise ValueError(
                f"the frame is {frame.shape}, those before {self._shape}: "
                "resize it, or call reset() for another video"
            )
        surprise = self._surprise(frame)
        self._shape = frame.shape
        return Reading(surprise=surprise, alarm=surprise > self.threshold)

    def _surprise(self, frame: np.ndarray) -> float:
        if isinstance(self._watching, Glancing):
            return self._at_a_glance(self._watching, frame)
        self._frames.append(frame.copy())
        if len(self._frames) < 2:
            return math.nan
        clip = np.stack(self._frames)[None]
        return float(self._watching.trace(clip, self._memory)[0, -1])

    def _at_a_glance(self, watching: Glancing, frame: np.ndarray) -> float:
        """The same, of what looks at every frame once."""
        new: Glances = watching.glance(frame[None, None])
        if self._glances is None:
            self._glances = new
            return math.nan
        known = self._glances.followed_by(new)
        self._glances = known.part(slice(-self._window, None))
        return float(watching.newest(self._glances, self._memory)[0])

    def calibrate(
        self,
        clips: UInt8[np.ndarray, "B T H W 3"],
        *,
        rate: float | None = None,
        false_alarms_per_hour: float | None = None,
        fps: float | None = None,
    ) -> float:
        """Set the threshold from clips in which nothing wrong happens.

        Exactly one of ``rate`` and ``false_alarms_per_hour`` is given.

        Args:
            clips: Of the kind that will be watched.
            rate: Share of frames that may be false alarms.
            false_alarms_per_hour: The same per hour of video; needs ``fps``.
            fps: Frames per second that will be watched.

        Returns:
            The threshold.

        Raises:
            ValueError: If the request is incomplete, or there are too few frames to
                keep so low a rate.
        """
        wanted = alarm_share(rate, false_alarms_per_hour, fps)
        trace = self._windows.trace(check_clips(clips), self._memory)
        self.threshold = threshold_of(trace[~np.isnan(trace)], wanted)
        return self.threshold


def threshold_of(values: Float[np.ndarray, " N"], rate: float) -> float:
    """A surprise that a new frame of the same kind exceeds at most so often.

    The k-th smallest of N values with k = ceil((N + 1)(1 - rate)): for exchangeable
    frames the chance of an alarm is at most ``rate``, and more than rate - 1/(N + 1)
    where no two are equal. Frames of one clip resemble each other: take many clips.

    Raises:
        ValueError: If the rate is not in (0, 1), or asks for more frames.

    Source: Vovk et al. 2005, "Algorithmic learning in a random world", section 2.2.
    """
    if not 0 < rate < 1:
        raise ValueError(f"a false-alarm rate of {rate}: expected a share in (0, 1)")
    place = math.ceil((len(values) + 1) * (1 - rate) - 1e-9)
    if place > len(values):
        raise ValueError(
            f"{len(values)} frames are too few for a false-alarm rate of {rate:.3g}: "
            f"calibrate on at least {math.ceil(1 / rate) - 1}, or allow more alarms"
        )
    return float(np.sort(values)[place - 1])


def alarm_share(rate: float | None, hourly: float | None, fps: float | None) -> float:
    """Share of frames that may be alarms, from the share or from alarms per hour.

    Raises:
        ValueError: Unless exactly one is given, and with an hourly rate the frames per
            second.
    """
    if (rate is None) == (hourly is None):
        raise ValueError("give either rate or false_alarms_per_hour")
    if rate is not None:
        return rate
    assert hourly is not None
    if fps is None or fps <= 0:
        raise ValueError("false_alarms_per_hour needs fps, frames per second above 0")
    return hourly / (3600 * fps)
