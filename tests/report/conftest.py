"""One complete fake run for all tests of the report."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.report.fake_run import write_fake_run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with every part; do not change it."""
    return write_fake_run(tmp_path_factory.mktemp("runs") / "demo")


@pytest.fixture
def own_run(finished_run: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(finished_run, tmp_path / "demo"))
