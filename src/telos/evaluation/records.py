"""The record: what was decided at every step, what was expected, what came of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from telos.config import atomic_write


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of ``decisions.csv``: a step at which something was decided."""

    seed: int
    """Of the episode."""
    step: int
    """Actions before it."""
    plan: str
    """Status of the plan that was made; empty if an older one is followed."""
    predicted_margin: float | None
    """Smallest margin of that plan, buffers taken off; empty without guardrails."""
    executed: str
    """What the shield let through: certified (the plan), backup or infeasible."""
    executed_margin: float | None
    """Smallest predicted margin of what it let through."""
    reason: str
    """The shield's, in words."""
    true_margin: float | None
    """Smallest true margin until the next row, without buffers."""


def write_records(path: Path, records: Iterable[Record]) -> Path:
    """Write all rows as CSV with a header; what is not known stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Record)])
    for record in records:
        writer.writerow([_written(value) for value in astuple(record)])
    return atomic_write(path, text.getvalue().encode())


def _written(value: object) -> object:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else value
