"""Bounds of recorded actions, for formats that do not name them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def measured(blocks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest of (N, A) blocks of actions, NaN aside.

    Raises:
        ValueError: If there is no block.
    """
    pairs = [(np.fmin.reduce(block), np.fmax.reduce(block)) for block in blocks]
    if not pairs:
        raise ValueError("there are no actions to take bounds from")
    lows, highs = zip(*pairs, strict=True)
    return np.fmin.reduce(lows), np.fmax.reduce(highs)


def widened(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds as float32, with a unit of room on both sides where an action is constant.

    Actions are scaled by their bounds, which therefore must differ. Where a unit would
    be lost beside a large number, room is a thousandth of it.
    """
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    room = np.where(low < high, 0, np.maximum(1, 1e-3 * np.abs(low)))
    return (low - room).astype(np.float32), (high + room).astype(np.float32)
