"""Checkpoints: one file each, the newest two kept, a damaged one never trusted."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telos.config import remove_leftovers
from telos.runs.tensor_file import load_tensors, save_tensors

if TYPE_CHECKING:
    from torch import Tensor

_KEEP = 2
"""The newest and, should it be damaged, the one before."""

_NAME = re.compile(r"(\d{6})-[\w-]+\.safetensors")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything that a training needs to go on as if it had never stopped."""

    step: int
    phase: str
    tensors: Mapping[str, Tensor]
    """Weights, optimiser moments and random states by name, on the CPU."""
    state: Mapping[str, Any]
    """What is not a tensor; JSON."""
    metrics_bytes: int
    """Size of metrics.jsonl when it was written; later lines were not reached yet."""
    seconds: float
    """Training time so far."""
    path: Path


def write_checkpoint(
    folder: Path,
    tensors: Mapping[str, Tensor],
    description: Mapping[str, Any],
) -> Path:
    """Write the next checkpoint, then drop all but the newest two readable ones."""
    serial = max((_serial(path) for path in list_checkpoints(folder)), default=0) + 1
    name = f"{serial:06d}-{description['phase']}-{description['step']}.safetensors"
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"phase {description['phase']!r} cannot be part of a file name; use "
            "letters, digits, - and _."
        )
    path = save_tensors(folder / name, tensors, description)
    _prune(folder)
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """Checkpoint files, newest first."""
    found = [p for p in folder.glob("*.safetensors") if _NAME.fullmatch(p.name)]
    return sorted(found, key=_serial, reverse=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        ValueError: If it is truncated, damaged, or not a checkpoint.
    """
    tensors, description = load_tensors(path)
    try:
        return Checkpoint(tensors=tensors, path=path, **description)
    except TypeError as problem:
        raise ValueError(
            f"{str(path)!r} is a tensor file, but not a checkpoint."
        ) from problem


def read_latest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that can be read; None if there was never one.

    A damaged one is skipped with a warning.

    Raises:
        ValueError: If there are checkpoints and all are damaged.
    """
    paths = list_checkpoints(folder)
    for path in paths:
        try:
            return read_checkpoint(path)
        except ValueError as problem:
            warnings.warn(f"{problem} Looking for the one before.", stacklevel=3)
    if paths:
        raise ValueError(
            f"all {len(paths)} checkpoints in {str(folder)!r} are damaged. Restore one "
            "from a copy, or start again with --overwrite."
        )
    return None


def _prune(folder: Path) -> None:
    """Keep the newest readable files; a damaged one must not push a good one out."""
    remove_leftovers(folder)
    _, *older = list_checkpoints(folder)
    kept = 1  # the newest has just been written
    for path in older:
        if kept < _KEEP and _readable(path):
            kept += 1
        else:
            path.unlink()


def _readable(path: Path) -> bool:
    try:
        load_tensors(path)
    except ValueError:
        return False
    return True


def _serial(path: Path) -> int:
    return int(path.name.partition("-")[0])
