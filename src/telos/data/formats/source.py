"""What a recording of another project looks like to `telos`, whatever its format.

Names are the same for all formats, so that what is trained on one recording can be
compared with what is trained on another:

* one camera becomes the stream ``pixels``, several become ``pixels_<camera>``, all
  uint8 (H, W, 3);
* what the robot measures of itself becomes the stream ``state``, float32;
* the time of a frame in seconds becomes the label ``time``, float64 with shape ();
* what else a format holds per frame (reward, phase, object poses) becomes a label of
  its own name.

A format that stores an action beside every frame, the last one included, loses that
last action: no frame shows what it did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from telos.envs.world import WorldSpec
from telos.types import Episode


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What of a recording is asked for."""

    image_size: tuple[int, int] | None = None
    """Height and width that images are resized to; None leaves them as they are."""
    streams: tuple[str, ...] | None = None
    """Names of `telos` of the observation streams to read; None reads all."""


@runtime_checkable
class Source(Protocol):
    """A recording that was opened and whose tables were checked.

    Opening reads metadata alone. Frames come one episode at a time, so that memory does
    not grow with the recording.
    """

    @property
    def format(self) -> str:
        """Name of the format, for example ``lerobot-v3``."""
        ...

    @property
    def spec(self) -> WorldSpec:
        """Streams, labels and action bounds; the id is the recording's name."""
        ...

    @property
    def num_episodes(self) -> int: ...

    @property
    def fps(self) -> float | None:
        """Frames per second, where the format says it."""
        ...

    def episodes(self, first: int = 0) -> Iterator[Episode]:
        """All episodes in order, from number ``first``; ``seed`` is their number.

        Raises:
            ValueError: If what is stored is damaged or contradicts the tables; the
                message names file and episode.
        """
        ...
