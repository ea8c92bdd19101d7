"""An episode as a film: the frames with path, goal, zones and imagined futures."""

from __future__ import annotations

import numpy as np

from telos.evaluation.drawing import (
    GOAL,
    IMAGINED,
    PATH,
    ROUTE,
    STATUS,
    Canvas,
    Extent,
    draw_zones,
)
from telos.evaluation.results import Trace

SIDE = 384
"""The shorter side of a film is at least this many pixels."""
GAP = 8
"""Pixels between what came and what was imagined."""


def film(trace: Trace, extent: Extent | None) -> np.ndarray:
    """(T+1, H, W, 3) uint8 frames; without an extent nothing is drawn in.

    Where pictures were imagined, two of them stand on the right of each frame: what the
    newest decision imagined of this moment, and of the end of its plan.
    """
    frames = _drawn_in(trace, extent)
    if trace.pictures is None:
        return frames
    return np.stack([_beside(frame, trace, step) for step, frame in enumerate(frames)])


def _drawn_in(trace: Trace, extent: Extent | None) -> np.ndarray:
    scale = -(-SIDE // min(trace.frames.shape[1:3]))
    height, width = trace.frames.shape[1:3]
    place = extent or Extent(left=0, right=width, top=0, bottom=height)
    canvases = [Canvas(frame, scale, place) for frame in trace.frames]
    for step, canvas in enumerate(canvases):
        if extent is not None:
            _annotate(canvas, trace, step)
        _status(canvas, trace, step)
    return np.stack([canvas.array() for canvas in canvases])


def _annotate(canvas: Canvas, trace: Trace, step: int) -> None:
    draw_zones(canvas, trace.zones)
    decision = _decision(trace, step)
    if decision is not None and decision < len(trace.route):
        canvas.polyline(trace.route[decision], ROUTE, width=1)
    if decision is not None and decision < len(trace.imagined):
        for future in trace.imagined[decision]:
            canvas.polyline(future, IMAGINED)
    canvas.polyline(trace.positions[: step + 1], PATH)
    if np.isfinite(trace.goal_position).all():
        canvas.dot(trace.goal_position, GOAL, radius=7)


def _status(canvas: Canvas, trace: Trace, step: int) -> None:
    decision = _decision(trace, step)
    if decision is not None and trace.status[decision] in STATUS:
        canvas.frame(STATUS[trace.status[decision]])


def _beside(frame: np.ndarray, trace: Trace, step: int) -> np.ndarray:
    """A frame with what was imagined of this moment and of the end of the plan."""
    assert trace.pictures is not None
    height, width = frame.shape[:2]
    decision, last = _decision(trace, step), trace.pictures.shape[1] - 1
    ages = () if decision is None else (step - trace.decision_steps[decision], last)
    parts, gap = [frame], np.full((height, GAP, 3), 255, np.uint8)
    for age in ages:
        picture = trace.pictures[decision, min(int(age), last)]
        parts += [gap, _enlarged(picture, height, width)]
    blank = np.full((height, 2 * (GAP + width), 3), 255, np.uint8)
    return np.concatenate(parts if ages else [frame, blank], axis=1)


def _enlarged(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels repeated until a picture has a size."""
    rows = np.arange(height) * picture.shape[0] // height
    columns = np.arange(width) * picture.shape[1] // width
    return picture[rows[:, None], columns]


def _decision(trace: Trace, step: int) -> int | None:
    """Index of the newest decision at a step; None before the first."""
    index = int(np.searchsorted(trace.decision_steps, step, side="right")) - 1
    return index if index >= 0 else None
