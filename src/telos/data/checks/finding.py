"""What a check answers: a level, a number, what it means and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Level = Literal["ok", "warning", "error"]
Family = Literal["values", "time", "actions", "alignment", "cameras", "copies"]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One curve of a chart, with an interval around it where one is known."""

    name: str
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Curves over a common axis."""

    title: str
    x_name: str
    x: Sequence[float]
    curves: Sequence[Curve]
    note: str = ""
    """What the curves are, where their names do not say it."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Counts of values in bins."""

    title: str
    x_name: str
    edges: Sequence[float]
    """One more than there are counts."""
    counts: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Frames that show a finding, side by side; read when a page is made."""

    caption: str
    stream: str
    frames: Sequence[tuple[int, int]]
    """(episode, frame within the episode)."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check and what came out."""

    family: Family
    check: str
    level: Level
    text: str
    """What was found, with its number."""
    value: float | None = None
    """The number that the level follows from; None where there is none."""
    unit: str = ""
    means: str = ""
    """What it does to a model that is trained on it."""
    remedy: str = ""
    """What to do about it."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """Everything that was measured."""
    charts: Sequence[Lines | Bars] = ()
    strips: Sequence[Strip] = ()


def grade(value: float, warning: float, error: float = np.inf) -> Level:
    """``ok`` below both limits, ``error`` from the second on."""
    if value >= error:
        return "error"
    return "warning" if value >= warning else "ok"


def histogram(values: np.ndarray, low: float, high: float, bins: int) -> Sequence[int]:
    """Counts of values between two bounds; what lies outside counts at the ends."""
    clipped = np.clip(values, low, high)
    return np.histogram(clipped, bins=bins, range=(low, high))[0].tolist()


def bars(values: np.ndarray, title: str, x_name: str, bins: int = 32) -> Bars:
    """Counts of finite values between their smallest and their largest."""
    counts, edges = np.histogram(values, bins=bins)
    return Bars(
        title=title, x_name=x_name, edges=edges.tolist(), counts=counts.tolist()
    )


def share(value: float) -> str:
    """A share in [0, 1] in per cent; small ones keep a digit that is not zero."""
    percent = 100 * value
    if 1e-4 < percent < 0.1:
        return f"{percent:.1g} %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
