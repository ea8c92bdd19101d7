"""The environments of gymnasium-robotics, registered on demand."""

from __future__ import annotations

import contextlib
import importlib
import io

import gymnasium

from telos.envs.headless import prefer_headless


def register_robotics() -> None:
    """Import gymnasium-robotics, which imports MuJoCo, and register what it has.

    Raises:
        ModuleNotFoundError: If it or MuJoCo is not installed.
    """
    prefer_headless()
    # On import it prints a notice about hand environments to stderr, whatever is used.
    with contextlib.redirect_stderr(io.StringIO()):
        module = importlib.import_module("gymnasium_robotics")
    gymnasium.register_envs(module)
