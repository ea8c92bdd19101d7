"""telos: objective-driven AI. Learn a world model, plan inside guardrails.

The public names below load on first use, so that `import telos` stays free of torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Agent": "telos.agent",
    "EpisodeFile": "telos.data",
    "EpisodeWriter": "telos.data",
    "Run": "telos.runs",
    "choose_runtime": "telos.runtime",
    "make_world": "telos.envs",
}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(
            f"module 'telos' has no attribute {name!r}; it offers {', '.join(_HOME)}."
        )
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *_HOME))
