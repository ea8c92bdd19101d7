"""Checks that an episode is what its world's spec promises, before it is stored.

Every message names the stream, what was found and what was expected, because a wrong
recording is noticed hours later, in a model that does not learn.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode, Streams

ACTION_TOLERANCE = 1e-4
"""Permitted excess over an action bound, as a share of the action's range."""


def validate_episode(episode: Episode, spec: WorldSpec) -> None:
    """Compare an episode with the spec.

    Raises:
        ValueError: If a stream is missing or unknown, or a shape, dtype, length, range
            or non-finite value contradicts the spec.
    """
    _check_actions(episode.actions, spec)
    frames = episode.num_steps + 1
    _check_streams("observations", episode.observations, spec.streams, frames)
    _check_streams("labels", episode.labels, spec.labels, frames)


def _check_streams(
    group: str, found: Streams, expected: Mapping[str, StreamSpec], frames: int
) -> None:
    if set(found) != set(expected):
        raise ValueError(
            f"{group}: found {sorted(found)}, expected {sorted(expected)}; "
            "record every stream of the world's spec, and no other"
        )
    for name, stream in expected.items():
        _check_stream(f"{group}/{name}", found[name], stream, frames)


def _check_stream(
    name: str, array: np.ndarray, stream: StreamSpec, frames: int
) -> None:
    shape = (frames, *stream.shape)
    if array.shape != shape:
        raise ValueError(
            f"{name}: found shape {array.shape}, expected {shape}; "
            f"{frames - 1} actions need {frames} frames, the reset frame included"
        )
    if array.dtype != np.dtype(stream.dtype):
        raise ValueError(
            f"{name}: found dtype {array.dtype}, expected {np.dtype(stream.dtype)}; "
            "convert it or correct the spec"
        )
    _check_finite(name, array)


def _check_actions(actions: np.ndarray, spec: WorldSpec) -> None:
    if actions.ndim != 2 or actions.shape[1] != spec.action_dim or len(actions) == 0:
        raise ValueError(
            f"actions: found shape {actions.shape}, expected (T, {spec.action_dim}) "
            "with at least one step"
        )
    if actions.dtype != np.float32:
        raise ValueError(f"actions: found dtype {actions.dtype}, expected float32")
    _check_finite("actions", actions)
    slack = ACTION_TOLERANCE * (spec.action_high - spec.action_low)
    beyond = (actions < spec.action_low - slack) | (actions > spec.action_high + slack)
    if beyond.any():
        step, dim = np.argwhere(beyond)[0]
        low, high = spec.action_low[dim], spec.action_high[dim]
        raise ValueError(
            f"actions: dimension {dim} is {actions[step, dim]:g} at step {step}, "
            f"expected [{low:g}, {high:g}]; store the clipped action that was executed"
        )


def _check_finite(name: str, array: np.ndarray) -> None:
    if array.dtype.kind != "f":
        return
    bad = ~np.isfinite(array)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise ValueError(
            f"{name}: {int(bad.sum())} values are NaN or infinite, the first in row "
            f"{row}; expected finite numbers"
        )
