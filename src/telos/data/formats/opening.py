"""Which format a recording has, by looking at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from telos.data.formats.source import Source, Wanted
from telos.data.store import is_episode_file

FORMATS = {
    "lerobot": "LeRobotDataset v2.0, v2.1 or v3.0: a folder with meta/info.json",
    "minari": "Minari: a folder with data/main_data.hdf5",
    "robomimic": "robomimic: an HDF5 file with data/demo_0",
    "ogbench": "OGBench: an NPZ file with observations, actions and terminals",
    "stable_worldmodel": "stable-worldmodel: an HDF5 file with ep_len and ep_offset",
    "videos": "videos: MP4, MKV, AVI or WebM files, each with its actions beside it",
}
"""Module of this package -> what it reads, in the order in which they are asked. Each
has ``recognises(path)`` and a class whose name ends in ``Source``."""

LISTED = 8
"""Files of an unknown folder that a message names."""


def open_source(path: Path, wanted: Wanted | None = None) -> Source:
    """Open a recording of whatever format.

    Args:
        path: File or folder.
        wanted: What of it is asked for; everything by default.

    Raises:
        FileNotFoundError: If there is nothing at the path.
        ValueError: If no format recognises it, or it is damaged.
        ModuleNotFoundError: If reading it needs a package that is not installed.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path")
    for module in _modules():
        if module.recognises(path):
            return _source_class(module)(path, wanted or Wanted())
    if is_episode_file(path):
        raise ValueError(f"{path} is an episode file already; it needs no import")
    known = "\n".join(f"  {name}" for name in known_formats())
    raise ValueError(
        f"{path} is of no known format: {_found(path)}. Known are:\n{known}"
    )


def known_formats() -> list[str]:
    """A line for each format that can be read."""
    return [text for name, text in FORMATS.items() if _is_here(name)]


def _modules() -> Iterator[ModuleType]:
    for name in FORMATS:
        if _is_here(name):
            yield import_module(f"telos.data.formats.{name}")


def _is_here(name: str) -> bool:
    return find_spec(f"telos.data.formats.{name}") is not None


def _source_class(module: ModuleType) -> type:
    """The class of a module, or of its package, that reads."""
    return next(
        value
        for name, value in vars(module).items()
        if name.endswith("Source") and value.__module__.startswith(module.__name__)
    )


def _found(path: Path) -> str:
    """What lies at a path, in a few words."""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(8)
        return f"a file of {path.stat().st_size:,} bytes that begins with {start!r}"
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in path.iterdir())
    if not names:
        return "an empty folder"
    kinds = Counter(Path(name).suffix or "no suffix" for name in names)
    counted = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common(LISTED))
    more = ", ..." if len(names) > LISTED else ""
    return f"a folder with {', '.join(names[:LISTED])}{more} ({counted})"
