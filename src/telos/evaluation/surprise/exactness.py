"""Are the stimuli what the controls assume? Checked on pixels, to the last bit.

If the frames on both sides of a splice are equal, no frame and no pair of frames tells
a possible from an impossible clip, and neither does any model whose memory ends inside
the part that is equal: within {P1, P2} and {I1, I2} every short window occurs equally
often. What remains to be surprised at is the combination.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, UInt8


@dataclass(frozen=True, kw_only=True, eq=False)
class Exactness:
    """What holds for each quadruplet."""

    splice: Bool[np.ndarray, " Q"]
    """P1 and P2 are equal on the frame of the splice and on the one before it."""
    frames: Bool[np.ndarray, " Q"]
    """{P1, P2} and {I1, I2} hold the same frames, equally often."""
    pairs: Bool[np.ndarray, " Q"]
    """The same for pairs of consecutive frames: optical flow tells nothing."""
    equal: Int[np.ndarray, " Q"]
    """Consecutive frames around the splice on which P1 and P2 are equal: a memory that
    is not longer has a contrast of 0."""

    def require(self, *names: str) -> None:
        """Refuse stimuli for which a property does not hold.

        Raises:
            ValueError: Naming the property and the first quadruplet that breaks it.
        """
        for name in names:
            holds = np.asarray(getattr(self, name), bool)
            if not holds.all():
                raise ValueError(
                    f"{int((~holds).sum())} of {len(holds)} quadruplets break "
                    f"{name!r}, the first is number {int(np.argmin(holds))}: a "
                    "surprise without physics could tell possible from impossible"
                )


def exactness(
    clips: UInt8[np.ndarray, "Q 4 T H W 3"], event: Int[np.ndarray, " Q"]
) -> Exactness:
    """Compare the members P1, P2, I1, I2 of each quadruplet pixel by pixel.

    Args:
        clips: The quadruplets.
        event: First frame of the second half.

    Raises:
        ValueError: If there are not four clips each, or an event lies outside.
    """
    if clips.ndim != 6 or clips.shape[1] != 4 or len(event) != len(clips):
        raise ValueError(
            f"clips are {clips.shape} with {len(event)} events: expected "
            "(Q, 4, T, H, W, 3) and Q events"
        )
    if not ((event >= 1) & (event < clips.shape[2])).all():
        raise ValueError(
            f"events {np.asarray(event).tolist()[:4]}... lie outside of clips of "
            f"{clips.shape[2]} frames: expected 1 to {clips.shape[2] - 1}"
        )
    names = frame_digests(clips)
    equal = names[:, 0] == names[:, 1]
    rows = np.arange(len(clips))
    return Exactness(
        splice=equal[rows, event] & equal[rows, event - 1],
        frames=np.array([_as_often(row, 1) for row in names]),
        pairs=np.array([_as_often(row, 2) for row in names]),
        equal=np.array([_run(e, at) for e, at in zip(equal, event, strict=True)]),
    )


def frame_digests(clips: UInt8[np.ndarray, "*n H W 3"]) -> np.ndarray:
    """(*n,) digest of every frame; equal pixels, equal digests."""
    flat = np.ascontiguousarray(clips).reshape(-1, *clips.shape[-3:])
    names = [hashlib.blake2b(f.tobytes(), digest_size=12).hexdigest() for f in flat]
    return np.array(names).reshape(clips.shape[:-3])


def require_disjoint(splits: Mapping[str, UInt8[np.ndarray, "N *item"]]) -> None:
    """Refuse what stands in two splits, such as validation and test.

    Items along the first axis are compared as a whole: clips of (N, T, H, W, 3), sets
    of (Q, 4, T, H, W, 3). One member alone may well recur: an empty room is an empty
    room.

    Raises:
        ValueError: Naming the two splits and how many items they share.
    """
    seen: dict[str, str] = {}
    for name, clips in splits.items():
        flat = np.ascontiguousarray(clips)
        own = {hashlib.blake2b(c.tobytes(), digest_size=12).hexdigest() for c in flat}
        shared = [digest for digest in own if digest in seen]
        if shared:
            raise ValueError(
                f"{len(shared)} item(s) of {name!r} are also in "
                f"{seen[shared[0]]!r}: draw them from other seeds"
            )
        seen |= dict.fromkeys(own, name)


def _as_often(names: np.ndarray, length: int) -> bool:
    """Whether windows of so many frames occur equally often on both sides."""

    def count(members: np.ndarray) -> Counter[tuple[str, ...]]:
        windows = np.lib.stride_tricks.sliding_window_view(members, length, axis=1)
        return Counter(map(tuple, windows.reshape(-1, length).tolist()))

    return count(names[:2]) == count(names[2:])


def _run(equal: Bool[np.ndarray, " T"], event: int) -> int:
    """Length of the run of equal frames that holds the splice; 0 without one."""
    if not (equal[event] and equal[event - 1]):
        return 0
    breaks = np.flatnonzero(~equal)
    before, after = breaks[breaks < event], breaks[breaks > event]
    start = before[-1] + 1 if len(before) else 0
    end = after[0] if len(after) else len(equal)
    return int(end - start)
