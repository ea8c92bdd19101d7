"""Actions of a recording as (T, A) float32 between finite bounds.

A recording may say the bounds of its actions or not, and may hold choices instead of
numbers. Bounds are, in this order: those that the recording declares, if its actions
keep them; [-1, 1], if all actions lie inside; the range that was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from telos.data.validation import ACTION_TOLERANCE

NONE = "none"
"""Origin of the bounds of a recording without actions."""
MOST_CHOICES = 4096
"""Numbers of a one-hot action above which it is refused."""


class ActionRange:
    """Smallest and largest action found so far, from blocks of any length.

    Values that are not finite are passed over here; reading their episode fails.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self.low = np.full(prod(shape), np.inf)
        self.high = np.full(prod(shape), -np.inf)

    def add(self, actions: np.ndarray) -> None:
        """Take (T, ...) stored actions into account.

        Raises:
            ValueError: If they have another shape than those before.
        """
        if actions.shape[1:] != self._shape:
            raise ValueError(
                f"actions of shape {actions.shape[1:]}, expected {self._shape} as "
                "before"
            )
        flat = actions.reshape(len(actions), prod(self._shape)).astype(np.float64)
        finite = np.isfinite(flat)
        least = flat.min(axis=0, where=finite, initial=np.inf)
        most = flat.max(axis=0, where=finite, initial=-np.inf)
        self.low = np.minimum(self.low, least)
        self.high = np.maximum(self.high, most)

    def merge(self, other: ActionRange) -> None:
        """Take what another range has seen into account.

        Raises:
            ValueError: If it is of actions of another shape.
        """
        if other._shape != self._shape:
            raise ValueError(
                f"actions of shape {other._shape}, expected {self._shape} as before"
            )
        self.low = np.minimum(self.low, other.low)
        self.high = np.maximum(self.high, other.high)

    def check(self) -> None:
        """Refuse a recording without any action.

        Raises:
            ValueError: If there are no dimensions, or one never had a finite value.
        """
        if self.low.size == 0:
            raise ValueError("its actions have no dimensions")
        if not np.isfinite(self.high - self.low).all():
            raise ValueError("a dimension of its actions holds no finite number at all")


@dataclass(frozen=True, kw_only=True)
class ActionCoding:
    """How stored actions become (T, A) float32."""

    low: np.ndarray
    """(A,) float32."""
    high: np.ndarray
    """(A,) float32."""
    origin: str
    """Where the bounds come from: declared, convention, measured, one-hot or none."""
    choices: tuple[int, ...] = ()
    """Number of choices of each discrete dimension; empty for continuous actions."""
    starts: tuple[int, ...] = ()
    """The number of the first choice of each discrete dimension."""

    def encode(self, stored: np.ndarray) -> np.ndarray:
        """Stored (T, ...) actions as (T, A) float32.

        Raises:
            ValueError: If a choice is none of those that there are.
        """
        flat = stored.reshape(len(stored), -1)
        if self.choices:
            return self._one_hot(flat)
        with np.errstate(over="ignore"):  # infinity is refused with the episode
            return flat.astype(np.float32)

    def _one_hot(self, stored: np.ndarray) -> np.ndarray:
        columns = []
        for found, count, start in zip(
            stored.T, self.choices, self.starts, strict=True
        ):
            index = found.astype(np.int64) - start
            if len(index) and (index.min() < 0 or index.max() >= count):
                raise ValueError(
                    f"a discrete action lies outside {start} to {start + count - 1}"
                )
            columns.append(np.eye(count, dtype=np.float32)[index])
        return np.concatenate(columns, axis=1)

    def options(self) -> dict[str, object]:
        """What a spec says of it in its options, as plain data."""
        if self.origin == NONE:
            return {}
        told: dict[str, object] = {"bounds": self.origin}
        if self.choices:
            told["choices"], told["starts"] = list(self.choices), list(self.starts)
        return told


def continuous(
    found: ActionRange, declared: tuple[np.ndarray, np.ndarray] | None = None
) -> ActionCoding:
    """The coding of continuous actions.

    Raises:
        ValueError: If there is no finite action, or bounds are beyond float32.
    """
    found.check()
    candidates = {"declared": declared, "convention": _unit(found)}
    for origin, bounds in candidates.items():
        if bounds is not None and _holds(found, bounds[0], bounds[1]):
            return _coding(bounds[0], bounds[1], origin)
    with np.errstate(over="ignore", invalid="ignore"):  # refused a line later
        return _coding(*_widened(found.low, found.high), "measured")


def no_actions() -> ActionCoding:
    """The coding of a recording without actions: they have dimension 0."""
    nothing = np.zeros(0, np.float32)
    return ActionCoding(low=nothing, high=nothing, origin=NONE)


def discrete(choices: Sequence[int], starts: Sequence[int]) -> ActionCoding:
    """The coding of choices: a one-hot vector for each discrete dimension.

    Raises:
        ValueError: If there are no choices, or too many for a one-hot vector.
    """
    total = sum(choices)
    if not choices or min(choices) < 1 or not 2 <= total <= MOST_CHOICES:
        raise ValueError(
            f"actions with {list(choices)} choices cannot be stored as one-hot "
            f"vectors; expected 2 to {MOST_CHOICES} in all"
        )
    low, high = np.zeros(total, np.float32), np.ones(total, np.float32)
    return ActionCoding(
        low=low,
        high=high,
        origin="one-hot",
        choices=tuple(choices),
        starts=tuple(starts),
    )


def found_choices(found: ActionRange) -> ActionCoding:
    """The coding of whole numbers of which nothing else is known: 0 to the largest.

    Raises:
        ValueError: If there are negative ones, or too many.
    """
    found.check()
    if found.low.min() < 0:
        raise ValueError("a discrete action is negative, expected numbers from 0")
    if found.high.max() >= MOST_CHOICES:
        raise ValueError(
            f"a discrete action is {found.high.max():.0f}, expected less than "
            f"{MOST_CHOICES}"
        )
    return discrete([max(2, int(n) + 1) for n in found.high], [0] * len(found.high))


def _unit(found: ActionRange) -> tuple[np.ndarray, np.ndarray]:
    return -np.ones_like(found.low), np.ones_like(found.high)


def _widened(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds as float32, with a unit of room on both sides where an action is constant.

    Actions are scaled by their bounds, which therefore must differ. Where a unit would
    be lost beside a large number, room is a thousandth of it.
    """
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    room = np.where(low < high, 0, np.maximum(1, 1e-3 * np.abs(low)))
    return (low - room).astype(np.float32), (high + room).astype(np.float32)


def _holds(found: ActionRange, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether bounds are finite, leave room, and contain all that was found."""
    if low.shape != found.low.shape or not np.isfinite([low, high]).all():
        return False
    slack = ACTION_TOLERANCE / 2 * (high - low)
    inside = (found.low >= low - slack) & (found.high <= high + slack)
    return bool((low < high).all() and inside.all())


def _coding(low: np.ndarray, high: np.ndarray, origin: str) -> ActionCoding:
    with np.errstate(over="ignore"):
        low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    if not (np.isfinite([low, high]).all() and (low < high).all()):
        raise ValueError(
            f"actions between {low} and {high} do not fit into float32; scale them"
        )
    return ActionCoding(low=low, high=high, origin=origin)
