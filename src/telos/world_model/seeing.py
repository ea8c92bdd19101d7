"""What a world model must be shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def require_streams(needed: Collection[str], given: Iterable[str]) -> None:
    """Refuse an observation that lacks a stream.

    Raises:
        ValueError: If one is missing; the message names it.
    """
    there = list(given)
    missing = [repr(name) for name in needed if name not in there]
    if missing:
        raise ValueError(
            f"the observation has no {' and no '.join(missing)}; the model sees "
            f"{', '.join(needed)} together, what was given is "
            f"{', '.join(there) or 'nothing'}"
        )
