"""Settings as name=value on the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telos.agent import Deliberation


def parse_pairs(pairs: Sequence[str]) -> dict[str, Any]:
    """name=value pairs; a value that is no JSON is text.

    Raises:
        ValueError: If a pair has no equals sign.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise ValueError(f"option {pair!r}: expected name=value")
        try:
            options[name] = json.loads(value)
        except json.JSONDecodeError:
            options[name] = value
    return options


def deliberation_of(pairs: Sequence[str]) -> Deliberation:
    """How an agent searches, where it is not as usual.

    Raises:
        ValueError: If there is no such setting, or its value is of another type.
    """
    from telos.agent import Deliberation
    from telos.config import from_dict

    return from_dict(Deliberation, parse_pairs(pairs))


def suffix_of(pairs: Sequence[str]) -> str:
    """What a name is told apart by: `-samples-24` for `samples=24`."""
    return "".join(f"-{pair.replace('=', '-')}" for pair in sorted(pairs))
