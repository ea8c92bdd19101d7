"""JSON files, digests, and writes that never leave half a file."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from telos.config.codec import to_dict

_TEMPORARY = ".tmp-"
"""Start of the name of a file that is being written."""


def jsonable(value: Any) -> Any:
    """Results (not configurations) as strict JSON; one way only.

    Numbers that JSON does not know (NaN, infinities) become null; arrays and tensors
    become lists, sets sorted lists, dataclasses objects.

    Raises:
        TypeError: If a value has no JSON form.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: jsonable(getattr(value, f.name)) for f in fields}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(jsonable(item) for item in value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    to_list = getattr(value, "tolist", None)  # numpy and torch, not imported here
    if to_list is not None:
        return jsonable(to_list())
    raise TypeError(f"{type(value).__name__} has no JSON form.")


def save_json(path: str | Path, value: Any) -> Path:
    """Write `jsonable(value)` atomically, indented, and return the path."""
    text = json.dumps(jsonable(value), indent=2, allow_nan=False) + "\n"
    return atomic_write(path, text.encode())


def load_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is not JSON (truncated, or another kind of file).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {str(path)!r}; check the path.")
    try:
        return json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(
            f"{str(path)!r} is not valid JSON ({problem}); it is damaged or another "
            "kind of file. Restore it or make it again."
        ) from problem


def digest(value: Any) -> str:
    """Fingerprint of a configuration: 16 hex digits, equal on every machine.

    It is the head of the SHA-256 of `to_dict(value)` as JSON with sorted keys.
    """
    text = json.dumps(to_dict(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: str | Path) -> str:
    """The SHA-256 of a file's content, as 64 hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def atomic_write(path: str | Path, content: bytes | Callable[[Path], None]) -> Path:
    """Replace a file as a whole: a reader sees the old one or the new one.

    The content goes to a temporary file in the same folder (same file system, same
    suffix), which reaches the disk before it takes the name. kill -9 at any moment
    leaves at most a file that starts with `.tmp-`.

    Args:
        path: The file; missing folders above it are made.
        content: Its bytes, or a function that writes the file at the given path.

    Raises:
        OSError: If the write fails, for example on a full disk; the message says what
            was kept and what to do. An existing file is left as it was.
    """
    path = Path(path)
    temporary = path.parent / f"{_TEMPORARY}{os.getpid()}-{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            temporary.write_bytes(content)
        else:
            content(temporary)
        _to_disk(temporary)
        os.replace(temporary, path)
        _to_disk(path.parent)
    except OSError as problem:
        raise _explained(problem, path) from problem
    finally:
        temporary.unlink(missing_ok=True)
    return path


def remove_leftovers(folder: Path) -> None:
    """Delete what killed writers left; only the one writer of a folder may call it."""
    for leftover in folder.glob(f"{_TEMPORARY}*"):
        leftover.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explained(problem: OSError, path: Path) -> OSError:
    if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
        return problem
    folder = next(p for p in (path.parent, *path.parent.parents) if p.exists())
    free = shutil.disk_usage(folder).free / 2**20
    full = OSError(
        f"the disk is full: could not write {str(path)!r} ({free:.0f} MiB free). "
        "Nothing that was there is lost. Free some space and repeat the command."
    )
    full.errno = problem.errno
    return full
