"""Gymnasium spaces as Minari writes them: JSON objects with a ``type``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from telos.data.formats.action_coding import (
    ActionCoding,
    ActionRange,
    continuous,
    discrete,
)
from telos.envs.world import StreamSpec

Space = Mapping[str, Any]


def parse_space(text: str | None) -> Space | None:
    """A space from its JSON, or None where there is none.

    Raises:
        ValueError: If it is no space.
    """
    if text is None:
        return None
    space = json.loads(text)
    if not isinstance(space, dict) or "type" not in space:
        raise ValueError(f"a space without a type: {text[:80]}")
    return space


def leaf_at(space: Space | None, place: str) -> Space | None:
    """The space of an array at a place such as ``observations/hand/_index_0``."""
    node: Any = space
    for name in place.split("/")[1:]:
        inner = node.get("subspaces") if isinstance(node, dict) else None
        if isinstance(inner, list) and name.startswith("_index_"):
            number = int(name.removeprefix("_index_"))
            node = inner[number] if number < len(inner) else None
        else:
            node = inner.get(name) if isinstance(inner, dict) else None
    return node if isinstance(node, dict) else None


def box(stream: StreamSpec) -> Space:
    """The space of a stream: all values that its dtype has."""
    dtype = np.dtype(stream.dtype)
    if dtype.kind in "iu":
        limits = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    elif dtype.kind == "b":
        limits = 0, 1
    else:
        limits = -np.inf, np.inf
    low, high = (np.full(stream.shape, limit).tolist() for limit in limits)
    return {
        "type": "Box",
        "dtype": str(dtype),
        "shape": list(stream.shape),
        "low": low,
        "high": high,
    }


def action_box(low: np.ndarray, high: np.ndarray) -> Space:
    """The space of actions between bounds."""
    return {
        "type": "Box",
        "dtype": "float32",
        "shape": list(low.shape),
        "low": low.tolist(),
        "high": high.tolist(),
    }


def action_coding(space: Space | None, found: ActionRange) -> ActionCoding:
    """How actions of a space are stored.

    Raises:
        ValueError: If the space is of a kind that telos has no actions for.
    """
    kind = "Box" if space is None else space["type"]
    if space is None:
        return continuous(found)
    if kind == "Box":
        return continuous(found, (_flat(space["low"]), _flat(space["high"])))
    if kind == "MultiBinary":
        size = len(found.low)
        return continuous(found, (np.zeros(size), np.ones(size)))
    if kind == "Discrete":
        return discrete([int(space["n"])], [int(space.get("start", 0))])
    if kind == "MultiDiscrete":
        choices = [int(n) for n in _flat(space["nvec"])]
        starts = [int(n) for n in _flat(space.get("start", [0] * len(choices)))]
        return discrete(choices, starts)
    raise ValueError(
        f"actions in a space of type {kind} are not read; expected Box, Discrete, "
        "MultiDiscrete or MultiBinary"
    )


def _flat(numbers: object) -> np.ndarray:
    return np.asarray(numbers, np.float64).reshape(-1)
