"""Metrics for TensorBoard, beside metrics.jsonl and never instead of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class Mirror:
    """Writes the same numbers as event files."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as problem:
            raise ImportError(
                'TensorBoard is not installed. Remedy: pip install "telos[track]".'
            ) from problem
        self._writer = SummaryWriter(str(folder))

    def add(self, step: int, phase: str, values: Mapping[str, float]) -> None:
        """Write one step; curves are named phase/name."""
        for name, value in values.items():
            self._writer.add_scalar(f"{phase}/{name}", float(value), step)
        self._writer.flush()
