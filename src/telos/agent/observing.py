"""Whether an agent may act on what it was given: the check before every action."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from telos.types import Streams


def named_streams(world_model: object) -> Collection[str]:
    """Streams that a world model says it must see; none where it says nothing."""
    return getattr(world_model, "streams", ())


def require_observed(
    observation: Streams, streams: Collection[str], num_envs: int
) -> None:
    """Refuse an observation that no action may follow from.

    A camera that has died is no matter of a worse guess: margins would be predicted
    from what nobody has seen.

    Args:
        observation: (B, ...) frames.
        streams: Those that the world model sees; others may be missing or not finite.
        num_envs: B.

    Raises:
        ValueError: If a stream is missing, holds NaN or infinity, or any is of another
            number of environments; the message names it.
    """
    for name in streams:
        if observation.get(name) is None:
            raise ValueError(
                f"stream {name!r} is missing: the world model sees "
                f"{', '.join(streams)}, and what it was given is "
                f"{', '.join(observation) or 'nothing'}. No action is safe to take "
                "from that: stop, and act again when the stream is back."
            )
    for name, values in observation.items():
        if len(values) != num_envs:
            raise ValueError(
                f"stream {name!r} holds {len(values)} environments, but reset gave "
                f"seeds for {num_envs}."
            )
    for name in streams:
        values = observation[name]
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise ValueError(
                f"stream {name!r} holds NaN or infinity. No action is safe to take "
                "from that: stop, and act again when its sensor is back."
            )
