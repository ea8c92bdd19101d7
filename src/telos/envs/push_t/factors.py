"""What can look or be different from episode to episode: factors of variation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from telos.envs.push_t.physics import RADIUS, SCALE

RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One factor: what it usually is, and between what it may lie."""

    usual: tuple[float, ...]
    low: float
    high: float
    """Bounds of each of its numbers, also of those that ``random`` draws."""
    unit: str


FACTORS: Mapping[str, Factor] = {
    "block_colour": Factor(usual=(119, 136, 153), low=0, high=255, unit="RGB"),
    "agent_colour": Factor(usual=(65, 105, 225), low=0, high=255, unit="RGB"),
    "target_colour": Factor(usual=(144, 238, 144), low=0, high=255, unit="RGB"),
    "background_colour": Factor(usual=(255, 255, 255), low=0, high=255, unit="RGB"),
    "block_scale": Factor(usual=(SCALE,), low=20, high=40, unit="px"),
    "agent_radius": Factor(usual=(RADIUS,), low=8, high=24, unit="px"),
    "brightness": Factor(usual=(1.0,), low=0.4, high=1.6, unit="1"),
    "camera_x": Factor(usual=(0.0,), low=-64, high=64, unit="px"),
    "camera_y": Factor(usual=(0.0,), low=-64, high=64, unit="px"),
}
"""By name. The T's side is four scales long. A camera that is shifted by (10, 0) sees
everything 10 px of the arena further to the left."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The factors of B environments."""

    values: Mapping[str, np.ndarray]
    """Factor -> (B, 1) or (B, 3)."""

    @property
    def scale(self) -> np.ndarray:
        """(B,) pixels."""
        return self.values["block_scale"][:, 0]

    @property
    def radius(self) -> np.ndarray:
        """(B,) pixels."""
        return self.values["agent_radius"][:, 0]

    @property
    def camera(self) -> np.ndarray:
        """(B, 2) pixels of the arena."""
        return np.concatenate([self.values["camera_x"], self.values["camera_y"]], -1)

    def colour(self, name: str) -> np.ndarray:
        """(B, 3) float32 in [0, 1], before light."""
        return (self.values[f"{name}_colour"] / 255.0).astype(np.float32)

    def lit(self, colour: np.ndarray) -> np.ndarray:
        """(B, 3) colours (B, 3) in the light of each environment."""
        light = np.minimum(self.values["brightness"] * np.minimum(colour, 1.0), 1.0)
        return light.astype(np.float32)

    def repeated(self, times: int) -> Look:
        """B * times environments, each of the B so many times in a row."""
        rows = {name: np.repeat(v, times, 0) for name, v in self.values.items()}
        return Look(values=rows)

    def row(self, index: int) -> dict[str, float]:
        """The factors of one environment as numbers of a layout."""
        numbers = {}
        for name, values in self.values.items():
            parts = "rgb" if values.shape[1] == 3 else [""]
            for part, value in zip(parts, values[index], strict=True):
                numbers[f"{name}_{part}" if part else name] = float(value)
        return numbers


def check_factors(option: Mapping[str, object]) -> None:
    """Raise a ValueError unless an option describes factors; see ``draw_look``."""
    for name, given in option.items():
        if name not in FACTORS:
            raise ValueError(
                f"unknown factor {name!r}: expected one of {', '.join(FACTORS)}."
            )
        if given != RANDOM:
            _range_of(name, given)


def draw_look(option: Mapping[str, object], seeds: Sequence[int]) -> Look:
    """The factors of one environment per seed.

    Args:
        option: Factor -> a number (three for a colour), always the same;
            ``{"low": ..., "high": ...}``, drawn uniformly between two of them;
            or ``"random"``, drawn between the factor's bounds. The usual otherwise.
        seeds: Each decides all factors of its environment.
    """
    rngs = [np.random.default_rng([seed, 8]) for seed in seeds]
    values = {}
    for name, factor in FACTORS.items():
        low, high = _range_of(name, option.get(name, factor.usual))
        # A factor is drawn even where it is fixed: others do not depend on it.
        shares = np.stack([rng.uniform(size=len(factor.usual)) for rng in rngs])
        values[name] = low + shares * (high - low)
    return Look(values=values)


def _range_of(name: str, given: object) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of a factor."""
    factor = FACTORS[name]
    if given == RANDOM:
        given = {"low": factor.low, "high": factor.high}
    if isinstance(given, Mapping):
        if set(given) != {"low", "high"}:
            raise ValueError(
                f"factor {name} is {dict(given)}: expected exactly 'low' and 'high'."
            )
        ends = _numbers(name, given["low"]), _numbers(name, given["high"])
    else:
        ends = _numbers(name, given), _numbers(name, given)
    if (ends[0] > ends[1]).any():
        raise ValueError(f"factor {name} is {given}: expected low <= high.")
    return ends


def _numbers(name: str, given: object) -> np.ndarray:
    """(1,) or (3,) numbers within the factor's bounds."""
    factor = FACTORS[name]
    count = len(factor.usual)
    try:
        values = np.broadcast_to(np.asarray(given, np.float64), (count,))
    except (TypeError, ValueError) as error:
        raise _wrong(name, given) from error
    if not ((values >= factor.low) & (values <= factor.high)).all():
        raise _wrong(name, given)
    return values


def _wrong(name: str, given: object) -> ValueError:
    factor = FACTORS[name]
    count = "a number" if len(factor.usual) == 1 else "three numbers"
    return ValueError(
        f"factor {name} is {given!r}: expected {count} from {factor.low:g} to "
        f"{factor.high:g} ({factor.unit}), 'random', or "
        "{'low': ..., 'high': ...} with such values."
    )
