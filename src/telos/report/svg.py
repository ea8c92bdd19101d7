"""Just enough SVG to draw honest charts: elements, scales, ticks, number formatting.

Colours are CSS classes (``s0`` ... ``s5``, ``axis``, ``rule``), so that one drawing
serves light and dark pages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

Attribute = str | float | None


def tag(name: str, *children: str, **attributes: Attribute) -> str:
    """One SVG element; ``class_`` is written as ``class``, ``a_b`` as ``a-b``.

    Children are markup and are not escaped: pass text through ``text``. Attributes are
    escaped; None leaves an attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{''.join(children)}</{name}>"


def _attribute(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value, 2):g}"


def text(content: str, **attributes: Attribute) -> str:
    """A text element with escaped content."""
    return tag("text", escape(content), **attributes)


def title(content: str) -> str:
    """A tooltip that every browser shows without a script."""
    return tag("title", escape(content))


def polyline(points: list[tuple[float, float]], **attributes: Attribute) -> str:
    """A path through points; empty without any."""
    if not points:
        return ""
    joined = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return tag("path", d=f"M{joined}", **attributes)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Maps values of a domain to pixels, linearly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    """Pixels that ``low`` and ``high`` are drawn at; ``end < start`` flips an axis."""
    log: bool = False
    whole: bool = False
    """Values are whole numbers, and so are the ticks."""

    def __post_init__(self) -> None:
        assert self.low < self.high, (self.low, self.high)
        assert not self.log or self.low > 0, self.low

    def __call__(self, value: float) -> float:
        low, high = self._transform(self.low), self._transform(self.high)
        share = (self._transform(value) - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 4) -> list[float]:
        """Round values inside the domain, about ``count`` of them."""
        chosen = log_ticks if self.log else linear_ticks
        ticks = chosen(self.low, self.high, count)
        return [t for t in ticks if t.is_integer()] if self.whole else ticks

    def _transform(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else value


def nice_step(span: float, count: int) -> float:
    """The number 1, 2, 2.5 or 5 times a power of ten that cuts span in about count."""
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return min((1, 2, 2.5, 5, 10), key=lambda m: abs(m * power - raw)) * power


def linear_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Multiples of a nice step in [low, high]."""
    step = nice_step(high - low, count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(float(i * step), 12) for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Powers of ten in [low, high]; 1, 2, 5 times them where few powers fit."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil((last - first) / max(count, 1)))
    powers = [10.0**e for e in range(first, last + 1, stride)]
    inside = [p for p in powers if low <= p <= high]
    if len(inside) >= 2 or stride > 1:
        return inside
    finer = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
    return [t for t in finer if low <= t <= high]


def domain(values: list[float], *, log: bool = False) -> tuple[float, float]:
    """A non-empty range around finite values with a little air, for a ``Scale``."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if log:
        return (low / 1.2, high * 1.2)
    if low == high:
        air = abs(low) * 0.5 or 1.0
        return (low - air, high + air)
    air = 0.06 * (high - low)
    return (0.0 if 0 <= low < 0.35 * high else low - air, high + air)


def suits_log(values: list[float]) -> bool:
    """Whether a curve falls over so many magnitudes that a linear axis hides it."""
    ordered = sorted(values)
    if not ordered or ordered[0] <= 0:
        return False
    return ordered[-1] / ordered[len(ordered) // 20] > 30


def number(value: float) -> str:
    """A number for readers: three significant digits, thin thousands, real minus."""
    if not math.isfinite(value):
        return "not finite"
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        written = f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    elif size >= 1000:
        written = f"{value:,.0f}".replace(",", "\u202f")
    else:
        written = f"{value:.3g}"
    return written.replace("-", "\u2212")


def percent(rate: float, digits: int = 1) -> str:
    """A rate in [0, 1] as per cent, with a space that does not break."""
    return f"{100 * rate:.{digits}f}\u00a0%"
