"""Line charts and histograms, each a function from numbers to inline SVG.

They have a fixed size (``WIDTH`` x ``HEIGHT``) and scale with their column.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from telos.report.svg import (
    Scale,
    domain,
    number,
    polyline,
    tag,
    text,
    title,
)

WIDTH, HEIGHT = 340, 204
"""Size of a chart in its own units, close to CSS pixels in a three-column page."""
LEFT, TOP, BOTTOM = 42, 12, 38
"""Room for tick labels, the topmost label, and ticks and name of the x axis."""
LABEL_GAP = 13
"""Smallest vertical distance between two direct labels."""
LABEL_LETTERS = 16
"""Longest direct label; the hover text holds the whole name."""
LETTER, TICK_ROOM = 6.6, 62
"""Width of a letter of a direct label, and of a tick with its air."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One curve; None is a gap."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    """Optional band around the curve."""
    dashed: bool = False
    """Baselines are dashed, so that colour is never the only difference."""

    def finite(self) -> list[float]:
        """Every finite value that must fit on the axis."""
        return _finite((*self.y, *self.low, *self.high))

    def last(self) -> tuple[float, float] | None:
        """The newest point that is not a gap."""
        pairs = zip(reversed(self.x), reversed(self.y), strict=True)
        return next(((x, y) for x, y in pairs if y is not None and _finite([y])), None)


def _finite(values: Sequence[float | None]) -> list[float]:
    return [v for v in values if v is not None and math.isfinite(v)]


def line_chart(
    lines: Sequence[Line],
    *,
    label: str,
    x_name: str,
    log: bool = False,
    reference: float | None = None,
    width: float = WIDTH,
) -> str:
    """Curves over a common axis, labelled at their ends, with hover values.

    Args:
        lines: At least one curve with a finite value, else an empty chart results.
        label: What the chart shows, for screen readers.
        x_name: Name of the x axis, unit included.
        log: Logarithmic y axis; all values must be positive.
        reference: A horizontal line worth comparing with, such as a skill of 0.
        width: Of the chart in its own units; more than `WIDTH` fills the page.
    """
    values = [v for line in lines for v in line.finite()]
    if reference is not None:
        values.append(reference)
    low, high = domain(values, log=log)
    names = [_short(line.name) for line in lines] if len(lines) > 1 else []
    right = 10 + LETTER * max((len(n) for n in names), default=5)
    x = _x_scale([px for line in lines for px in line.x], width - right)
    y = Scale(low=low, high=high, start=HEIGHT - BOTTOM, end=TOP, log=log)
    parts = [*_axes(x, y, x_name), *_reference(reference, x, y)]
    for index, line in enumerate(lines):
        parts += [_band(line, index, x, y), *_curve(line, index, x, y)]
    parts += _end_labels(lines, x, y)
    return _svg(parts, label, hover=_hover(lines, x, y), width=width)


def _x_scale(values: Sequence[float], end: float) -> Scale:
    """From 0 where the data starts near it, to the newest value."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    low = 0.0 if 0 <= low < 0.2 * high else low
    whole = all(float(v).is_integer() for v in values)
    return Scale(low=low, high=max(high, low + 1e-9), start=LEFT, end=end, whole=whole)


def _svg(
    parts: Sequence[str], label: str, hover: str | None = None, width: float = WIDTH
) -> str:
    return tag(
        "svg",
        *parts,
        class_="chart" if width == WIDTH else "chart wide",
        viewBox=f"0 0 {width:g} {HEIGHT}",
        role="img",
        aria_label=label,
        data_hover=hover,
    )


def _axes(x: Scale, y: Scale, x_name: str) -> list[str]:
    parts = []
    for tick in y.ticks():
        at = y(tick)
        parts.append(tag("line", x1=x.start, x2=x.end, y1=at, y2=at, class_="rule"))
        parts.append(
            text(
                number(tick), x=x.start - 7, y=at + 4, class_="tick", text_anchor="end"
            )
        )
    base = HEIGHT - BOTTOM
    parts.append(tag("line", x1=x.start, x2=x.end, y1=base, y2=base, class_="axis"))
    for tick in x.ticks(max(int((x.end - x.start) / TICK_ROOM), 2)):
        at = x(tick)
        parts.append(tag("line", x1=at, x2=at, y1=base, y2=base + 4, class_="axis"))
        parts.append(
            text(number(tick), x=at, y=base + 16, class_="tick", text_anchor="middle")
        )
    parts.append(text(x_name, x=x.end, y=base + 31, class_="tick", text_anchor="end"))
    return parts


def _reference(value: float | None, x: Scale, y: Scale) -> list[str]:
    if value is None:
        return []
    return [tag("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="ref")]


def _segments(line: Line, x: Scale, y: Scale) -> list[list[tuple[float, float]]]:
    """Runs of finite points: a curve is not drawn across a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for px, py in zip(line.x, line.y, strict=True):
        if py is not None and math.isfinite(py):
            runs[-1].append((x(px), y(py)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _curve(line: Line, index: int, x: Scale, y: Scale) -> list[str]:
    css = f"line s{index % 6}" + (" dashed" if line.dashed else "")
    parts = []
    for run in _segments(line, x, y):
        if len(run) == 1:
            parts.append(tag("circle", cx=run[0][0], cy=run[0][1], r=2.5, class_=css))
        parts.append(polyline(run, class_=css))
    return parts


def _band(line: Line, index: int, x: Scale, y: Scale) -> str:
    rows = [
        (x(px), y(low), y(high))
        for px, low, high in zip(line.x, line.low, line.high, strict=False)
        if low is not None and high is not None
    ]
    outline = [(px, high) for px, _, high in rows]
    outline += [(px, low) for px, low, _ in reversed(rows)]
    return polyline(outline, class_=f"band s{index % 6}")


def _short(name: str) -> str:
    cut = len(name) > LABEL_LETTERS
    return name[: LABEL_LETTERS - 1] + "\u2026" if cut else name


def _end_labels(lines: Sequence[Line], x: Scale, y: Scale) -> list[str]:
    """Names (or the newest value of one curve) beside the ends, never overlapping."""
    ends = []
    for index, line in enumerate(lines):
        last = line.last()
        if last is not None:
            name = _short(line.name) if len(lines) > 1 else number(last[1])
            ends.append([y(last[1]), x(last[0]), name, index])
    ends.sort(key=lambda end: end[0])
    for above, below in pairwise(ends):
        below[0] = max(below[0], above[0] + LABEL_GAP)
    overflow = max((ends[-1][0] - (HEIGHT - BOTTOM)) if ends else 0, 0)
    return [
        text(name, x=at + 6, y=height + 4 - overflow, class_=f"end s{index % 6}")
        for height, at, name, index in ends
    ]


def _hover(lines: Sequence[Line], x: Scale, y: Scale) -> str:
    """Pixel positions and words that the page's script needs to show values."""
    rows = [
        {
            "name": line.name,
            "points": [
                [round(x(px), 1), round(y(py), 1), number(px), number(py)]
                for px, py in zip(line.x, line.y, strict=True)
                if py is not None and math.isfinite(py)
            ],
        }
        for line in lines
    ]
    return json.dumps(rows, separators=(",", ":"))


def histogram(
    values: Sequence[float],
    *,
    label: str,
    x_name: str,
    mark: float,
    mark_name: str,
    bad_below: bool,
    bins: int = 28,
) -> str:
    """Counts of values, with a marked limit and the wrong side of it coloured.

    Bins are aligned to ``mark``, so that no bar holds values of both sides.
    """
    finite = [v for v in values if math.isfinite(v)]
    low, high = min([*finite, mark]), max([*finite, mark])
    width = max(high - low, 1e-9) / bins
    counts: dict[int, int] = {}
    for value in finite:
        slot = math.floor((value - mark) / width)
        counts[slot] = counts.get(slot, 0) + 1
    x = Scale(low=low - width, high=high + width, start=LEFT, end=WIDTH - 14)
    tallest = max(counts.values(), default=1)
    y = Scale(low=0, high=tallest * 1.12, start=HEIGHT - BOTTOM, end=TOP)
    parts = _axes(x, y, x_name)
    for slot, count in sorted(counts.items()):
        start, end = mark + slot * width, mark + (slot + 1) * width
        bad = (slot < 0) == bad_below
        parts.append(
            tag(
                "rect",
                title(f"{number(start)} to {number(end)}: {count} episodes"),
                x=x(start) + 0.5,
                width=max(x(end) - x(start) - 1, 1),
                y=y(count),
                height=y(0) - y(count),
                class_="bar bad" if bad else "bar good",
            )
        )
    return _svg([*parts, *_mark(mark, mark_name, x)], label)


def _mark(value: float, name: str, x: Scale) -> list[str]:
    at, left = x(value), x(value) > WIDTH / 2
    return [
        tag("line", x1=at, x2=at, y1=TOP - 6, y2=HEIGHT - BOTTOM, class_="mark"),
        text(
            name,
            x=at - 5 if left else at + 5,
            y=TOP + 2,
            class_="end",
            text_anchor="end" if left else "start",
        ),
    ]


def bar_chart(
    edges: Sequence[float], counts: Sequence[int], *, label: str, x_name: str
) -> str:
    """Counts in given bins.

    Args:
        edges: One more than there are counts, ascending.
        counts: Of each bin.
        label: What the chart shows, for screen readers.
        x_name: Name of the x axis, unit included.
    """
    high = max(edges[-1], edges[0] + 1e-9)
    x = Scale(low=edges[0], high=high, start=LEFT, end=WIDTH - 14)
    y = Scale(
        low=0, high=max(*counts, 1) * 1.08, start=HEIGHT - BOTTOM, end=TOP, whole=True
    )
    parts = _axes(x, y, x_name)
    for start, end, count in zip(edges, edges[1:], counts, strict=False):
        note = f"{number(start)} to {number(end)}: {number(count)}"
        parts.append(
            tag(
                "rect",
                title(note),
                x=x(start) + 0.5,
                width=max(x(end) - x(start) - 1, 1),
                # A bin that is not empty is never drawn so flat that it looks so.
                y=min(y(count), y(0) - 1.5) if count else y(0),
                height=max(y(0) - y(count), 1.5) if count else 0.0,
                class_="bar plain",
            )
        )
    return _svg(parts, label)
