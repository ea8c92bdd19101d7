"""Checks of what callers pass to a world."""

from __future__ import annotations

from collections.abc import Sequence, Sized

import numpy as np


def check_option(name: str, given: str, allowed: Sequence[str]) -> None:
    """Raise a ValueError that lists what is allowed, unless ``given`` is among it."""
    if given not in allowed:
        raise ValueError(
            f"{name} is {given!r}: expected one of {', '.join(map(repr, allowed))}."
        )


def check_count(name: str, given: int) -> None:
    """Raise a ValueError unless a count is at least 1."""
    if given < 1:
        raise ValueError(f"{name} is {given}: expected at least 1.")


def check_positive(name: str, given: float) -> None:
    """Raise a ValueError unless a quantity is finite and greater than 0."""
    if not (np.isfinite(given) and given > 0):
        raise ValueError(f"{name} is {given}: expected a positive number.")


def check_started(episodes: Sized) -> None:
    """Raise a ValueError unless there is something of a running episode."""
    if not len(episodes):
        raise ValueError(
            "no episode is running: call reset(seeds) with one seed per environment "
            "first."
        )


def check_actions(actions: np.ndarray, num_envs: int, action_dim: int) -> np.ndarray:
    """Float64 (B, A) actions.

    Raises:
        ValueError: If the shape differs from (B, A) or an action is not finite.
    """
    actions = np.asarray(actions, np.float64)
    if actions.shape != (num_envs, action_dim):
        raise ValueError(
            f"actions have shape {actions.shape}: expected ({num_envs}, {action_dim}), "
            "one row per environment."
        )
    if not np.isfinite(actions).all():
        row = int(np.flatnonzero(~np.isfinite(actions).all(1))[0])
        raise ValueError(
            f"the action of environment {row} is {actions[row]}: expected finite "
            "numbers; look for a diverged model or a division by zero in the policy."
        )
    return actions


def check_seeds(seeds: Sequence[int], num_envs: int) -> list[int]:
    """Seeds as a list of ints.

    Raises:
        ValueError: If there is not exactly one non-negative seed per environment.
    """
    values = [int(seed) for seed in seeds]
    if len(values) != num_envs or min(values, default=0) < 0:
        raise ValueError(
            f"got {len(values)} seeds {values[:4]} for {num_envs} environments: "
            "expected one non-negative integer per environment."
        )
    return values
