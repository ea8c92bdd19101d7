"""Bounds of the actions of a dataset as its own statistics name them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from telos.config import load_json
from telos.data.formats.lerobot.features import ACTION
from telos.data.formats.lerobot.info import Info
from telos.data.formats.lerobot.tables import json_lines
from telos.data.formats.links import refuse_outside


def stored_bounds(info: Info) -> tuple[np.ndarray, np.ndarray] | None:
    """Smallest and largest action by the dataset's own statistics.

    Returns:
        Two arrays (A,), or None where statistics are missing or do not fit the actions:
        they only save a look at all of them.

    Raises:
        ValueError: If a file of statistics is damaged.
    """
    size = info.features[ACTION].num_values
    pairs = [_bounds(statistics, size) for statistics in _statistics(info)]
    found = [pair for pair in pairs if pair is not None]
    if not found or len(found) < len(pairs):
        return None
    lows, highs = zip(*found, strict=True)
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _statistics(info: Info) -> Iterator[Any]:
    """Statistics of the actions: of the whole, or of every episode (version 2.1)."""
    whole = info.root / "meta" / "stats.json"
    by_episode = info.root / "meta" / "episodes_stats.jsonl"
    if whole.is_file():
        refuse_outside(info.root, whole)
        yield _of_actions(load_json(whole))
    elif by_episode.is_file():
        for fields in json_lines(info.root, by_episode):
            yield _of_actions(fields.get("stats"))


def _of_actions(statistics: Any) -> Any:
    return statistics.get(ACTION) if isinstance(statistics, dict) else None


def _bounds(statistics: Any, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    if not isinstance(statistics, dict):
        return None
    try:
        low, high = (
            np.asarray(statistics[name], float).reshape(size) for name in ("min", "max")
        )
    except (KeyError, TypeError, ValueError):  # missing, nulls, texts, other shapes
        return None
    fine = np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()
    return (low, high) if fine else None
