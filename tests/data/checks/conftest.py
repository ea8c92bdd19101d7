"""Recordings without defects, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.defects import record

from telos.data import Recording


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder: Path = tmp_path_factory.mktemp("rooms")
    return record(folder / "rooms.h5", "two-rooms", behaviour="mixed")


@pytest.fixture(scope="session")
def pendulum(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder: Path = tmp_path_factory.mktemp("pendulum")
    return record(folder / "pendulum.h5", "pendulum")
