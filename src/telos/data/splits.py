"""Splits by episode: frames of one episode never stand on both sides."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence

import numpy as np


def split_by_episode(
    num_episodes: int,
    fraction: float = 0.1,
    seed: int = 0,
    groups: Sequence[Hashable] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Split episodes at random into a training and a held-out side.

    Args:
        num_episodes: E.
        fraction: Share of the episodes to hold out; at least one is.
        seed: Decides the split.
        groups: (E,) keys; episodes with equal keys stay on one side, for example
            `layout_keys`. The held-out side then is the smallest number of groups
            that reaches the fraction.

    Returns:
        Indices (train, held out), disjoint, sorted, together all episodes.

    Raises:
        ValueError: If a side would be empty.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}, expected a number between 0 and 1")
    owner = _numbered(num_episodes, groups)
    held_out = _held_out(owner, max(1, round(fraction * num_episodes)), seed)
    train = np.setdiff1d(np.arange(num_episodes), held_out)
    if len(train) == 0 or len(held_out) == 0:
        kind = "episodes" if groups is None else "groups of episodes"
        raise ValueError(
            f"cannot hold out {fraction:g} of {_count(owner)} {kind}: one side would "
            "be empty; record more or change the fraction"
        )
    return train, held_out


def layout_keys(layouts: Sequence[Mapping[str, float]]) -> list[str]:
    """One key per episode, equal exactly when the layouts are."""
    return [json.dumps(dict(layout), sort_keys=True) for layout in layouts]


def _numbered(num_episodes: int, groups: Sequence[Hashable] | None) -> np.ndarray:
    """(E,) number of each episode's group, in order of appearance."""
    if groups is None:
        return np.arange(num_episodes)
    if len(groups) != num_episodes:
        raise ValueError(
            f"{len(groups)} groups for {num_episodes} episodes, expected one each"
        )
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in groups], int)


def _count(owner: np.ndarray) -> int:
    return int(owner.max(initial=-1)) + 1


def _held_out(owner: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Episodes of the fewest groups, in random order, that are so many together."""
    order = np.random.default_rng(seed).permutation(_count(owner))
    reached = np.cumsum(np.bincount(owner, minlength=len(order))[order])
    chosen = order[: np.searchsorted(reached, count) + 1]
    return np.flatnonzero(np.isin(owner, chosen))
