"""Frames that show a finding, chosen among the clips that were looked at."""

from __future__ import annotations

from collections.abc import Iterable

from telos.data.checks.clips import Frames
from telos.data.checks.finding import Strip

SHOWN = 4
"""Examples that are shown."""
AROUND = 5
"""Frames of an example."""


def strips_from(
    frames: Frames,
    rows: Iterable[int],
    caption: str,
    around: int = AROUND,
    stride: int = 1,
) -> tuple[Strip, ...]:
    """Frames from some rows on, at most one strip per clip.

    Args:
        frames: Of one image stream.
        rows: Where examples begin, those to be shown first in front.
        caption: Of every strip.
        around: Frames of a strip, fewer where its clip ends.
        stride: Frames from one to the next.
    """
    clips = frames.clips
    firsts: dict[int, int] = {}
    for row in rows:
        firsts.setdefault(int(clips.clip_of[row]), int(row))
        if len(firsts) == SHOWN:
            break
    strips = []
    for clip, row in firsts.items():
        episode, first = clips.place(row)
        end = int(clips.places.firsts[clip] + clips.places.lengths[clip])
        last = min(first + around * stride, end)
        shown = tuple((episode, at) for at in range(first, last, stride))
        strips.append(Strip(caption=caption, stream=frames.stream, frames=shown))
    return tuple(strips)
