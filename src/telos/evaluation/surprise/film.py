"""A video with its surprise below it, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

STRIP = 96
"""Height of the curve below the picture, pixels."""
INK, FAINT, PAPER = (30, 34, 40), (190, 194, 200), (255, 255, 255)
ALARM, LIMIT = (200, 60, 40), (230, 159, 0)
"""Colours that stay apart for the colour-blind."""
EDGE = 6
MARGIN = 8


def annotated(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]],
    trace: Float[np.ndarray, " T"],
    threshold: float,
) -> Iterator[UInt8[np.ndarray, "H w 3"]]:
    """Each frame above the curve; what is still to come is faint.

    A frame above the threshold has a red edge.

    Args:
        frames: One for each entry of the trace, all of one even size.
        trace: Surprise of each frame.
        threshold: Drawn as a line.
    """
    strips: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    for number, frame in enumerate(frames):
        if strips is None:
            strips = _strips(trace, threshold, frame.shape[1])
        past, future, columns = strips
        strip, now = future.copy(), int(columns[number])
        strip[:, :now] = past[:, :now]
        alarm = bool(trace[number] > threshold)
        strip[:, max(now - 1, 0) : now + 1] = ALARM if alarm else INK
        picture = _edged(frame) if alarm else frame
        yield np.concatenate([picture, strip], axis=0)


def _strips(
    trace: np.ndarray, threshold: float, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The curve as it was and as it will be, and the column of each frame."""
    known = trace[~np.isnan(trace)]
    top = max(float(known.max()) if len(known) else 1.0, 1e-12)
    if math.isfinite(threshold):
        top = max(top, threshold)
    columns = np.linspace(MARGIN, width - MARGIN, len(trace))
    rows = STRIP - MARGIN - (STRIP - 2 * MARGIN) * np.nan_to_num(trace) / top
    drawn = []
    for colour in (INK, FAINT):
        image = Image.new("RGB", (width, STRIP), PAPER)
        draw = ImageDraw.Draw(image)
        if math.isfinite(threshold):
            level = STRIP - MARGIN - (STRIP - 2 * MARGIN) * max(threshold, 0) / top
            draw.line([(MARGIN, level), (width - MARGIN, level)], fill=LIMIT, width=1)
        points = [
            (float(x), float(y))
            for x, y, value in zip(columns, rows, trace, strict=True)
            if not np.isnan(value)
        ]
        if len(points) > 1:
            draw.line(points, fill=colour, width=2, joint="curve")
        drawn.append(np.asarray(image))
    return drawn[0], drawn[1], columns


def _edged(frame: np.ndarray) -> np.ndarray:
    out = frame.copy()
    out[:EDGE], out[-EDGE:] = ALARM, ALARM
    out[:, :EDGE], out[:, -EDGE:] = ALARM, ALARM
    return out
