"""Small charts that sit in a line of text or a row: rates, shares, sparklines.

Rates and shares are drawn in per cent of their width, so that they stay crisp at any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from telos.report.svg import Scale, number, percent, polyline, tag, title


def interval_track(
    rate: float, low: float | None, high: float | None, css: str, note: str
) -> str:
    """A rate on [0, 1] as a dot with its interval; drawn in per cent of the width."""
    parts = [title(note), tag("line", x1="0%", x2="100%", y1=12, y2=12, class_="rule")]
    for tenth in range(0, 101, 25):
        parts.append(
            tag("line", x1=f"{tenth}%", x2=f"{tenth}%", y1=8, y2=16, class_="rule")
        )
    if low is not None and high is not None:
        parts.append(
            tag(
                "line",
                x1=f"{100 * low:.2f}%",
                x2=f"{100 * high:.2f}%",
                y1=12,
                y2=12,
                class_=f"interval {css}",
            )
        )
    parts.append(tag("circle", cx=f"{100 * rate:.2f}%", cy=12, r=5.5, class_=css))
    return tag("svg", *parts, class_="track", role="img", aria_label=note)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One piece of a whole."""

    name: str
    count: float
    css: str


def stacked_bar(parts: Sequence[Part], label: str) -> str:
    """Pieces of a whole as one bar in per cent of the width; empty pieces vanish."""
    total = sum(part.count for part in parts)
    drawn, start = [], 0.0
    for part in parts:
        share = part.count / total if total else 0.0
        if share > 0:
            note = f"{part.name}: {number(part.count)} ({percent(share)})"
            drawn.append(
                tag(
                    "rect",
                    title(note),
                    x=f"{100 * start:.3f}%",
                    width=f"{100 * share:.3f}%",
                    y=0,
                    height=26,
                    class_=f"piece {part.css}",
                )
            )
        start += share
    return tag("svg", *drawn, class_="stack", role="img", aria_label=label)


def sparkline(values: Sequence[float], label: str) -> str:
    """A word-sized curve of how a number moved, ending in a dot."""
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) < 2:
        return ""
    low, high = min(finite), max(finite)
    y = Scale(low=low, high=max(high, low + 1e-9), start=19, end=3)
    x = Scale(low=0, high=len(finite) - 1, start=2, end=76)
    points = [(x(i), y(v)) for i, v in enumerate(finite)]
    dot = tag("circle", cx=points[-1][0], cy=points[-1][1], r=2.4, class_="s0")
    return tag(
        "svg",
        title(label),
        polyline(points, class_="line s0"),
        dot,
        class_="spark",
        viewBox="0 0 80 22",
        role="img",
        aria_label=label,
    )


def spike_bars(counts: Sequence[int], label: str) -> str:
    """A word-sized histogram."""
    width, height, top = 160, 26, max(*counts, 1)
    step = width / max(len(counts), 1)
    drawn = [
        tag(
            "rect",
            x=index * step + 0.4,
            width=step - 0.8,
            y=height - max(height * count / top, 1.0),
            height=max(height * count / top, 1.0),
            class_="bar plain",
        )
        for index, count in enumerate(counts)
        if count
    ]
    return tag(
        "svg",
        title(label),
        *drawn,
        class_="spikes",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=label,
    )
