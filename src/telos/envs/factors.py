"""What can look or be different from episode to episode: factors of variation.

A world has a table of factors, each with its usual value. An option says which are
other than usual: always the same, or drawn per episode from the episode's own seed.
What is drawn is part of the episode's layout, and so of a recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RANDOM = "random"
STREAM = 8
"""Which of the random numbers of a seed decide the factors."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One factor: what it usually is, and between what it may lie."""

    usual: tuple[float, ...]
    """One number, or three of a colour."""
    low: float
    high: float
    """Bounds of each of its numbers, also of those that ``random`` draws."""
    unit: str


Table = Mapping[str, Factor]
"""The factors of a world by name."""
Option = Mapping[str, object]
"""Factor -> a number (three for a colour), always the same; ``{"low": ..., "high":
...}``, drawn uniformly between two of them; or ``"random"``, drawn between the factor's
bounds. Factors that are not named are as usual."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The factors of B environments."""

    values: Mapping[str, np.ndarray]
    """Factor -> (B, 1) or (B, 3)."""
    named: tuple[str, ...]
    """Factors that the option names; a layout has no others."""

    def number(self, name: str) -> np.ndarray:
        """(B,) of a factor that is one number, in its unit."""
        return self.values[name][:, 0]

    def colour(self, name: str) -> np.ndarray:
        """(B, 3) float32 in [0, 1], before light."""
        return (self.values[f"{name}_colour"] / 255.0).astype(np.float32)

    @property
    def camera(self) -> np.ndarray:
        """(B, 2) shift of the camera: what it sees lies so much further back."""
        return np.concatenate([self.values["camera_x"], self.values["camera_y"]], -1)

    def shine(self, pixels: np.ndarray) -> np.ndarray:
        """Images (B, H, W, 3) uint8 in the light of each environment."""
        light = self.values["brightness"]
        if (light == 1.0).all():
            return pixels
        bright = light.astype(np.float32)[:, None, None] * pixels
        return np.rint(np.minimum(bright, 255.0)).astype(np.uint8)

    def repeated(self, times: int) -> Look:
        """B * times environments, each of the B so many times in a row."""
        rows = {name: np.repeat(v, times, 0) for name, v in self.values.items()}
        return Look(values=rows, named=self.named)

    def row(self, index: int) -> dict[str, float]:
        """The named factors of one environment as numbers of a layout."""
        numbers = {}
        for name in self.named:
            values = self.values[name]
            parts = "rgb" if values.shape[1] == 3 else [""]
            for part, value in zip(parts, values[index], strict=True):
                numbers[f"{name}_{part}" if part else name] = float(value)
        return numbers


def check_factors(table: Table, option: Option) -> None:
    """Raise a ValueError unless an option describes factors of a table."""
    for name, given in option.items():
        if name not in table:
            raise ValueError(
                f"unknown factor {name!r}: expected one of {', '.join(table)}."
            )
        _range_of(name, table[name], given)


def draw_look(table: Table, option: Option, seeds: Sequence[int]) -> Look:
    """The factors of one environment per seed, which alone decides them."""
    rngs = [np.random.default_rng([seed, STREAM]) for seed in seeds]
    values = {}
    for name, factor in table.items():
        low, high = _range_of(name, factor, option.get(name, factor.usual))
        # A factor is drawn even where it is fixed: others do not depend on it.
        shares = np.stack([rng.uniform(size=len(factor.usual)) for rng in rngs])
        values[name] = low + shares * (high - low)
    return Look(values=values, named=tuple(name for name in table if name in option))


def _range_of(name: str, factor: Factor, given: object) -> tuple[np.ndarray, ...]:
    """Smallest and largest value of a factor."""
    if isinstance(given, str) and given == RANDOM:
        given = {"low": factor.low, "high": factor.high}
    if isinstance(given, Mapping):
        if set(given) != {"low", "high"}:
            raise ValueError(
                f"factor {name} is {dict(given)}: expected exactly 'low' and 'high'."
            )
        ends = [_numbers(name, factor, given[end]) for end in ("low", "high")]
    else:
        ends = [_numbers(name, factor, given)] * 2
    if (ends[0] > ends[1]).any():
        raise ValueError(f"factor {name} is {given}: expected low <= high.")
    return tuple(ends)


def _numbers(name: str, factor: Factor, given: object) -> np.ndarray:
    """(1,) or (3,) numbers within the factor's bounds."""
    try:
        values = np.asarray(given, np.float64)
        values = np.broadcast_to(values, (len(factor.usual),))
    except (TypeError, ValueError) as error:
        raise _wrong(name, factor, given) from error
    if not ((values >= factor.low) & (values <= factor.high)).all():
        raise _wrong(name, factor, given)
    return values


def _wrong(name: str, factor: Factor, given: object) -> ValueError:
    count = "a number" if len(factor.usual) == 1 else "three numbers"
    return ValueError(
        f"factor {name} is {given!r}: expected {count} from {factor.low:g} to "
        f"{factor.high:g} ({factor.unit}), 'random', or "
        "{'low': ..., 'high': ...} with such values."
    )
