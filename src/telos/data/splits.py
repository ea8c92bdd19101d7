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
    keys = list(range(num_episodes)) if groups is None else list(groups)
    if len(keys) != num_episodes:
        raise ValueError(
            f"{len(keys)} groups for {num_episodes} episodes, expected one each"
        )
    members: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    held_out = _held_out(
        list(members.values()), max(1, round(fraction * len(keys))), seed
    )
    train = np.setdiff1d(np.arange(num_episodes), held_out)
    if len(train) == 0 or len(held_out) == 0:
        kind = "episodes" if groups is None else "groups of episodes"
        raise ValueError(
            f"cannot hold out {fraction:g} of {len(members)} {kind}: one side would be "
            "empty; record more or change the fraction"
        )
    return train, held_out


def layout_keys(layouts: Sequence[Mapping[str, float]]) -> list[str]:
    """One key per episode, equal exactly when the layouts are."""
    return [json.dumps(dict(layout), sort_keys=True) for layout in layouts]


def _held_out(members: list[list[int]], count: int, seed: int) -> np.ndarray:
    chosen: list[int] = []
    for group in np.random.default_rng(seed).permutation(len(members)):
        if len(chosen) >= count:
            break
        chosen += members[group]
    return np.array(sorted(chosen), np.int64)
