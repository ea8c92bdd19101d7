"""metrics.jsonl: one JSON object per line, written whole or not at all to a reader."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

_RESERVED = {"step", "seconds", "phase"}


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Append one line and hand it to the operating system."""
    with path.open("a", encoding="ascii") as file:
        file.write(json.dumps(line, allow_nan=False) + "\n")


def metric_line(
    step: int, seconds: float, phase: str, values: dict[str, float]
) -> dict[str, Any]:
    """One line; NaN and infinity become null, which readers must expect.

    Raises:
        ValueError: If a value would hide step, seconds or phase.
    """
    if taken := _RESERVED & values.keys():
        raise ValueError(f"metric names {sorted(taken)} are taken; choose others.")
    numbers = {name: float(value) for name, value in values.items()}
    return {
        "step": step,
        "seconds": round(seconds, 3),
        "phase": phase,
        **{k: v if math.isfinite(v) else None for k, v in numbers.items()},
    }


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All complete lines; one that a killed process left unfinished is skipped.

    Raises:
        ValueError: If a line before the last is damaged, with its number.
    """
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    found = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError as problem:
            raise ValueError(
                f"{str(path)!r} line {number} is damaged ({problem}); delete that line."
            ) from problem
    return found


def size_on_disk(path: Path) -> int:
    """Bytes of the file after it has reached the disk; 0 if there is none."""
    if not path.is_file():
        return 0
    with path.open("ab") as file:
        os.fsync(file.fileno())
        return file.tell()


def cut(path: Path, size: int) -> None:
    """Drop everything after the first `size` bytes.

    Raises:
        ValueError: If the file is shorter than that.
    """
    present = path.stat().st_size if path.is_file() else 0
    if present < size:
        raise ValueError(
            f"{str(path)!r} has {present} bytes, but the checkpoint was written when "
            f"it had {size}: lines were removed. Restore it, or start again."
        )
    if present > size:
        os.truncate(path, size)
