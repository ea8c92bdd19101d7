"""Findings on what was seen: cameras that stand still, freeze, flash, show nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from telos.data.checks.clips import DARK, TIME, Clips, Frames
from telos.data.checks.finding import Finding, bars, grade, plural, share
from telos.data.checks.strips import strips_from

STATIC = (0.5, 0.99)
"""Share of steps without any change that is worth a warning, and is a dead camera."""
REPEATED = (0.01, 0.25)
"""Share of moving steps whose frame is the one before, likewise."""
MOVES = 0.05
"""Change of a state or action, as a share of its deviation, that counts as motion."""
TAIL = 8
"""Frames that stand still at the end of an episode to count as frozen."""
TAILS = (0.05, 0.5)
"""Share of episodes with frozen tails, likewise."""
FLASH = 12.0
"""Jump of the mean of a channel between two frames (of 255) that is worth a look."""
UNUSUAL = 10.0
"""Jumps that count are also so many times as large as the usual change."""
FLASHES = (0.0005, 0.02)
BLANK = (1e-9, 0.01)
"""Share of frames that show nothing, likewise."""
BORDER = 3.0
"""Brightness (of 255) up to which a border is black."""
STRIDE = 3
"""Frames between those of an example of a tail."""


def check_camera(frames: Frames) -> Iterator[Finding]:
    """Every finding on one image stream."""
    steps = frames.clips.steps()
    if not len(steps):
        return
    still = frames.repeats[steps + 1]
    yield _motion(frames, still)
    if still.mean() < STATIC[1]:
        yield _repeated(frames, steps, still)
        yield _tails(frames)
    yield _flashes(frames, steps)
    yield _blank(frames)
    yield _borders(frames)


def _motion(frames: Frames, still: np.ndarray) -> Finding:
    value = float(still.mean())
    dead = value >= STATIC[1]
    return Finding(
        family="cameras",
        check=f"motion of {frames.stream}",
        level=grade(value, *STATIC),
        text=f"does not change in {share(value)} of steps"
        + (": a dead camera, or one that sees nothing move" if dead else ""),
        value=value,
        unit="share of steps",
        means="a stream that stands still is predicted perfectly by a model that has "
        "learned nothing",
        remedy="leave the stream out, `telos train --streams ...`, or take fewer "
        "frames per second",
        numbers={"frames": len(frames.repeats)},
        strips=strips_from(frames, [0], "it looks the same all the time")
        if dead
        else (),
    )


def _moves(clips: Clips, steps: np.ndarray) -> np.ndarray:
    """Steps in which something else says that the world moved.

    States and labels say it best. Without any, actions that differ from the usual rest
    stand in for them.
    """
    moved = np.zeros(len(steps), bool)
    names = _states(clips)
    if names:
        for column in (clips.columns[name] for name in names):
            flat = column.reshape(len(column), -1).astype(np.float64)
            change = np.abs(flat[steps + 1] - flat[steps])
            usual = np.nanmedian(change, axis=0)
            moved |= (change > np.maximum(usual, MOVES * np.nanstd(flat, 0))).any(
                axis=1
            )
        return moved
    acts = clips.actions[steps].astype(np.float64)
    if not acts.shape[1]:
        return moved
    rest = np.nanmedian(acts, axis=0)
    return (np.abs(acts - rest) > MOVES * np.nanstd(acts, axis=0)).any(axis=1)


def _repeated(frames: Frames, steps: np.ndarray, still: np.ndarray) -> Finding:
    """Frames that repeat the one before although the world moves."""
    moves = _moves(frames.clips, steps)
    count = int(moves.sum())
    # Empty frames are a finding of their own.
    bad = steps[still & moves & (frames.contrast[steps] >= DARK)]
    value = len(bad) / count if count else 0.0
    witness = "state" if _states(frames.clips) else "action"
    limits = REPEATED if witness == "state" else (STATIC[0] / 2, STATIC[1])
    text = (
        f"{share(value)} of the {count:,} steps in which the {witness} moves repeat "
        "the frame before, bit by bit"
    )
    level = grade(value, *limits)
    return Finding(
        family="cameras",
        check=f"repeated frames of {frames.stream}",
        level=level,
        text=text if count else "cannot be told: nothing says when the world moves",
        value=value,
        unit="share of steps",
        means="the camera is slower than the recording, or stopped: one step seems to "
        "have no effect and the next one a double one",
        remedy="import at the camera's own rate, `telos import ... --every 2`, or "
        "`telos train ... --frame-skip 2`",
        numbers={"steps": count, "repeated": len(bad), "witness": witness},
        strips=strips_from(frames, bad, "the second frame repeats the first", 2)
        if level != "ok"
        else (),
    )


def _states(clips: Clips) -> list[str]:
    """States and labels that say where the world is."""
    return [n for n, c in clips.columns.items() if n != TIME and c.dtype.kind == "f"]


def _tails(frames: Frames) -> Finding:
    """Episodes whose last frames are all the same while actions go on."""
    clips = frames.clips
    ends, tails = _tails_of(frames)
    bad = tails >= TAIL
    value = float(bad.mean()) if len(bad) else 0.0
    longest = int(tails[bad].max()) if bad.any() else 0
    # A few frames before, and then some from the whole tail.
    stops = (ends - 1 - tails)[bad]
    rows = np.maximum(stops - 2 * STRIDE, clips.starts[clips.clip_of[stops]])
    return Finding(
        family="cameras",
        check=f"frozen tails of {frames.stream}",
        level=grade(value, *TAILS),
        text=f"{plural(int(bad.sum()), 'episode')} of {len(tails)} looked at end in a "
        f"picture that stands still while actions go on, for up to {longest} frames"
        if bad.any()
        else f"none in the ends of {plural(len(tails), 'episode')}",
        value=value,
        unit="share of episodes",
        means="the model learns that actions have no effect where these episodes end",
        remedy="cut the tails off, and find out when the camera stopped",
        numbers={"episodes": len(tails), "frozen": int(bad.sum()), "longest": longest},
        strips=strips_from(frames, rows, "nothing moves any more", stride=STRIDE),
    )


def _tails_of(frames: Frames) -> tuple[np.ndarray, np.ndarray]:
    """(E,) rows after the ends of episodes, and frames that stand still before them.

    None stands still where nothing says that the world goes on.
    """
    clips = frames.clips
    found = []
    for start, length in zip(clips.starts, clips.places.lengths, strict=True):
        end = int(start + length)
        if not np.isnan(clips.actions[end - 1]).any() or length <= TAIL:
            continue
        moving = np.flatnonzero(~frames.repeats[start + 1 : end])
        tail = int(length) - 2 - (int(moving[-1]) if len(moving) else -1)
        acted = _goes_on(clips, end - 1 - max(tail, 1), end - 1)
        found.append((end, tail if acted else 0))
    ends, tails = np.array(found, np.int64).reshape(-1, 2).T
    return ends, tails


def _goes_on(clips: Clips, first: int, end: int) -> bool:
    """Whether states change over some rows; actions, where there are no states."""
    names = _states(clips)
    told = [clips.columns[n] for n in names] if names else [clips.actions]
    rows = [column[first:end].reshape(end - first, -1) for column in told]
    return any((np.ptp(part, axis=0) > 0).any() for part in rows if part.size)


def _flashes(frames: Frames, steps: np.ndarray) -> Finding:
    """Jumps of brightness or colour from one frame to the next."""
    lit = frames.contrast >= DARK
    jumps = np.abs(frames.colour[steps + 1] - frames.colour[steps]).max(axis=1)
    jumps = jumps * (lit[steps] & lit[steps + 1])
    usual = float(np.median(jumps))
    bad = jumps > max(FLASH, UNUSUAL * usual)
    value = float(bad.mean())
    order = np.argsort(jumps * bad)[::-1][: int(bad.sum())]
    colour = (
        int((_colour_only(frames, steps[bad]) > FLASH / 2).sum()) if bad.any() else 0
    )
    also = f"; {colour} of them change colour" if colour else ""
    return Finding(
        family="cameras",
        check=f"light of {frames.stream}",
        level=grade(value, *FLASHES),
        text=f"jumps between two frames in {plural(int(bad.sum()), 'step')} "
        f"({share(value)}), by up to {jumps.max():.0f} of 255{also}"
        if bad.any()
        else f"no jumps; brightness changes by at most {jumps.max():.1f} of 255 a step",
        value=value,
        unit="share of steps",
        means="a change that no action made and that fills the whole image: the "
        "largest part of the error, which the model spends itself on",
        remedy="switch off automatic exposure and white balance; drop these steps",
        numbers={"steps": len(steps), "jumps": int(bad.sum()), "usual": usual},
        charts=(bars(jumps, "Change of brightness per step", "of 255"),)
        if bad.any()
        else (),
        strips=strips_from(frames, steps[order], "the light jumps", 2),
    )


def _colour_only(frames: Frames, rows: np.ndarray) -> np.ndarray:
    """(R,) change of a channel against the mean of all."""
    change = frames.colour[rows + 1] - frames.colour[rows]
    return np.abs(change - change.mean(axis=1, keepdims=True)).max(axis=1)


def _blank(frames: Frames) -> Finding:
    """Frames of one colour: black, white, or what a failing decoder paints."""
    blank = np.flatnonzero(frames.contrast < DARK)
    seen = frames.contrast >= DARK
    value = len(blank) / len(frames.contrast) if seen.any() else 1.0
    black = int((frames.colour[blank].max(axis=1) < 10 * DARK).sum())
    return Finding(
        family="cameras",
        check=f"empty frames of {frames.stream}",
        level=grade(value, *BLANK),
        text=f"{plural(len(blank), 'frame')} of {len(frames.contrast):,} "
        f"({share(value)}) show a single colour, {black} of them black"
        if len(blank)
        else f"none of {len(frames.contrast):,} frames is of a single colour",
        value=value,
        unit="share of frames",
        means="nothing can be predicted from them or of them",
        remedy="drop them: they mostly come from a decoder or a camera that wakes up",
        numbers={"frames": len(frames.contrast), "empty": len(blank), "black": black},
        strips=strips_from(frames, blank, "a single colour"),
    )


def _borders(frames: Frames) -> Finding:
    """Black bars in some episodes and not in others: mixed cameras or resizing."""
    first = frames.clips.starts
    bar = np.array([_bar(frames.thumbnails[row]) for row in first])
    kinds, counts = np.unique(bar, axis=0, return_counts=True)
    mixed = len(kinds) > 1 and np.ptp(kinds, axis=0).max() >= 2
    odd = 1 - counts.max() / counts.sum() if mixed else 0.0
    unusual = np.flatnonzero((bar != kinds[counts.argmax()]).any(axis=1))
    return Finding(
        family="cameras",
        check=f"borders of {frames.stream}",
        level="warning" if mixed else "ok",
        text=f"black bars differ between episodes: {share(float(odd))} of clips have "
        "others than most"
        if mixed
        else "the same in every episode",
        value=float(odd),
        unit="share of clips",
        means="two geometries in one recording: the same motion has two sizes",
        remedy="crop or resize all sources the same way before importing",
        numbers={"kinds": kinds.tolist(), "counts": counts.tolist()},
        strips=strips_from(frames, first[unusual], "other borders", 1) if mixed else (),
    )


def _bar(thumbnail: np.ndarray) -> tuple[int, int]:
    """Black rows above and below, and black columns left and right, of a thumbnail."""
    bright = thumbnail.max(axis=2) > BORDER
    return _dark_ends(bright.any(axis=1)), _dark_ends(bright.any(axis=0))


def _dark_ends(lit: np.ndarray) -> int:
    """Entries before the first and after the last that is lit; 0 if none is."""
    found = np.flatnonzero(lit)
    return int(found[0] + len(lit) - 1 - found[-1]) if len(found) else 0
