"""What of a state of the pushing world is shown, and a state from what is shown."""

from __future__ import annotations

import numpy as np

from telos.envs.push_t.measure import wrapped
from telos.envs.push_t.physics import AGENT, AGENT_SPEED, BLOCK, STATE
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Streams


def places(labels: Streams) -> tuple[np.ndarray, np.ndarray]:
    """Where agents (B, 2) and Ts (B, 3) are by labels."""
    angle = wrapped(np.asarray(labels["angle"], np.float64))
    block = np.asarray(labels["block"], np.float64)
    agent = np.asarray(labels["position"], np.float64)
    return agent, np.concatenate([block, angle[:, None]], -1)


def numbers_of(states: np.ndarray) -> np.ndarray:
    """(..., 8) the stream ``state`` of (..., 10) states."""
    return np.concatenate([states[..., :6], heading_of(states)], -1).astype(np.float32)


def heading_of(states: np.ndarray) -> np.ndarray:
    """(..., 2) cosine and sine of the T's angle."""
    angle = states[..., BLOCK][..., 2]
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def labels_of(states: np.ndarray) -> dict[str, np.ndarray]:
    """Labels of (B, 10) states."""
    pose = states[:, BLOCK]
    labels = {
        "position": states[:, AGENT],
        "velocity": states[:, AGENT_SPEED],
        "block": pose[:, :2],
        "angle": wrapped(pose[:, 2]),
        "heading": heading_of(states),
    }
    return {name: values.astype(np.float32) for name, values in labels.items()}


def states_of(labels: Streams) -> np.ndarray:
    """(B, 10) states of rest of labels."""
    agent, pose = places(labels)
    states = np.zeros((len(agent), STATE))
    states[:, AGENT], states[:, BLOCK] = agent, pose
    return states


def spec_of(
    low: np.ndarray, high: np.ndarray, *, max_steps: int, size: int, **options: object
) -> WorldSpec:
    """The spec of the world with actions between ``low`` and ``high``, each (2,)."""
    return WorldSpec(
        id="push-t",
        action_low=low,
        action_high=high,
        streams={
            "pixels": StreamSpec(shape=(size, size, 3), dtype="uint8"),
            "state": StreamSpec(shape=(8,), dtype="float32", unit="px, px/s, px, 1"),
        },
        labels={
            "position": StreamSpec(shape=(2,), dtype="float32", unit="px"),
            "velocity": StreamSpec(shape=(2,), dtype="float32", unit="px/s"),
            "block": StreamSpec(shape=(2,), dtype="float32", unit="px"),
            "angle": StreamSpec(shape=(), dtype="float32", unit="rad"),
            "heading": StreamSpec(shape=(2,), dtype="float32", unit="1"),
        },
        max_steps=max_steps,
        options={**options, "size": size, "max_steps": max_steps},
    )
