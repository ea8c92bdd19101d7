"""What the adapter can read of a gymnasium environment, and what it refuses."""

from __future__ import annotations

import numpy as np
from gymnasium import Space, spaces


def action_bounds(
    env_id: str, space: Space, bound: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """(A,) float32 bounds of a continuous action space, flattened.

    Args:
        env_id: For messages.
        space: The environment's action space.
        bound: Stands in for infinite bounds; None refuses them.

    Raises:
        ValueError: If actions are not continuous, or unbounded and no bound was given.
    """
    if not (isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating)):
        raise ValueError(
            f"{env_id!r} has the action space {space}: expected a floating-point Box, "
            "because telos plans by continuous optimisation. Choose such an "
            "environment, for example 'gym:Pendulum-v1', or wrap this one."
        )
    low, high = space.low.ravel(), space.high.ravel()
    infinite = ~(np.isfinite(low) & np.isfinite(high))
    if infinite.any() and bound is None:
        raise ValueError(
            f"{env_id!r} has unbounded actions ({space}): planning needs a range. Pass "
            "action_bound=1.0 (or what is sensible there) to use [-bound, bound]."
        )
    limit = np.float32(bound or 0.0)
    low = np.where(np.isfinite(low), low, -limit)
    high = np.where(np.isfinite(high), high, limit)
    return low.astype(np.float32), high.astype(np.float32)


def is_image(space: Space) -> bool:
    """Whether an observation is a picture (H, W, C) of bytes."""
    return (
        isinstance(space, spaces.Box)
        and space.dtype == np.uint8
        and len(space.shape) == 3
        and space.shape[-1] == 3
    )


def state_width(env_id: str, space: Space) -> int:
    """Length of the flat state vector of an observation space.

    Raises:
        ValueError: If the space is not a Box or a Dict of Boxes.
    """
    parts = list(space.spaces.values()) if isinstance(space, spaces.Dict) else [space]
    if not all(isinstance(part, spaces.Box) for part in parts):
        raise ValueError(
            f"{env_id!r} has the observation space {space}: the adapter reads a Box or "
            "a flat Dict of Boxes. Wrap it with gymnasium.wrappers.FlattenObservation."
        )
    return sum(int(np.prod(part.shape)) for part in parts if part.shape is not None)


def flatten(space: Space, observation: object) -> np.ndarray:
    """Float32 state vector; the parts of a Dict in the order of its keys."""
    if isinstance(space, spaces.Dict):
        assert isinstance(observation, dict)
        parts = [np.ravel(observation[name]) for name in space.spaces]
        return np.concatenate(parts).astype(np.float32)
    return np.ravel(np.asarray(observation)).astype(np.float32)
