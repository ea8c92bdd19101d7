"""An environment with the other libraries in it, apart from that of telos.

telos itself is imported from this checkout, so that model, cost and evaluation are the
same code. Of stable-worldmodel the solvers are installed without what the rest of it
needs (torchvision, a database, simulators).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "scratch" / "others-env"
WHOLE = ("torchrl==0.14.1", "pytorch_mppi==0.9.1", "loguru")
ALONE = ("stable-worldmodel==0.1.1",)
"""Installed without its dependencies."""


def enter() -> None:
    """Go on in the environment, which is made on first use."""
    python = FOLDER / "bin" / "python"
    if Path(sys.prefix).resolve() == FOLDER:
        _without_front_door("stable_worldmodel")
        return
    if not (FOLDER / ".installed").exists():
        _make(python)
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [_python_path()])])
    os.execve(python, [str(python), *sys.argv], {**os.environ, "PYTHONPATH": path})


def version(library: str) -> str:
    """Of an installed library."""
    return importlib.metadata.version(library)


def _make(python: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet"]
    extra = os.environ.get("PIP_ARGS", "").split()
    pinned = ["-c", str(ROOT / "constraints.txt")]
    subprocess.run([*install, *extra, *pinned, str(ROOT), *WHOLE], check=True)
    # Only its dependencies are wanted: telos itself comes from the checkout.
    remove = [str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "telos"]
    subprocess.run(remove, check=True)
    subprocess.run([*install, *extra, "--no-deps", *ALONE], check=True)
    (FOLDER / ".installed").touch()


def _without_front_door(name: str) -> None:
    """Let parts of a package be imported without all that its front door imports."""
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.submodule_search_locations is not None
    package = types.ModuleType(name)
    package.__path__ = list(found.submodule_search_locations)
    sys.modules[name] = package


def _python_path() -> str:
    return os.environ.get("PYTHONPATH", "")
