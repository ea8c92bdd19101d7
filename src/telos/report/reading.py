"""Read run folders as they are: whole, half finished or damaged.

A report is often wanted of a run that was interrupted. Every part of a run folder is
therefore optional, and what could not be read becomes a note instead of an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARKS = ("config.json", "env.json", "metrics.jsonl", "evaluations", "model.json")
"""A folder with one of these is a run folder."""

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EvaluationFiles:
    """One folder below ``evaluations/``."""

    name: str
    values: Json
    """evaluation.json."""
    traces: Path | None
    """traces.npz, if it was written."""
    modified: float
    """When evaluation.json was written, seconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """What a run folder holds, and what is wrong with it."""

    path: Path
    config: Json
    environment: Json
    metrics: Sequence[Json]
    """Rows of metrics.jsonl, in order."""
    diagnostics: Sequence[Json]
    """Verdicts on the representation, oldest first."""
    evaluations: Sequence[EvaluationFiles]
    calibration: Json
    """calibration.json; empty if the run was not calibrated."""
    attributions: Sequence[tuple[str, Json]]
    """(name, content) of every file below ``attribution/``."""
    imagined: Path | None
    """imagined.png, if a decoder was trained."""
    notes: Sequence[str]
    """Parts that exist but could not be read, in plain words."""
    modified: float
    """Newest change of a part, seconds since 1970."""

    @property
    def name(self) -> str:
        return self.path.resolve().name


def read_run(path: Path) -> RunFiles:
    """Read every part of a run folder that is there.

    Raises:
        FileNotFoundError: If the folder does not exist.
        ValueError: If it exists but is not a run folder.
    """
    _require_run(path)
    notes: list[str] = []
    diagnostics = _read_json(path / "diagnostics.json", list, notes)
    return RunFiles(
        path=path,
        config=_read_json(path / "config.json", dict, notes),
        environment=_read_json(path / "env.json", dict, notes),
        metrics=_read_metrics(path / "metrics.jsonl", notes),
        diagnostics=[entry for entry in diagnostics if isinstance(entry, Mapping)],
        evaluations=_read_evaluations(path / "evaluations", notes),
        calibration=_read_json(path / "calibration.json", dict, notes),
        attributions=_read_attributions(path / "attribution", notes),
        imagined=_existing(path / "imagined.png"),
        notes=notes,
        modified=_newest(path),
    )


def _require_run(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(
            f"run folder '{path}' does not exist. Pass the folder that `telos train` "
            "wrote (it holds config.json and metrics.jsonl)."
        )
    if not path.is_dir() or not any((path / mark).exists() for mark in MARKS):
        raise ValueError(
            f"'{path}' is not a run folder: expected a folder with at least one of "
            f"{', '.join(MARKS)}. Pass the folder that `telos train` wrote."
        )


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _newest(path: Path) -> float:
    """Time of the newest part; checkpoints and models follow metrics.jsonl."""
    parts = [path / mark for mark in MARKS] + list(path.glob("evaluations/*/*.json"))
    return max((p.stat().st_mtime for p in parts if p.is_file()), default=0.0)


def _read_json(path: Path, kind: type, notes: list[str]) -> Any:
    """Parsed content of the expected kind; an empty one, with a note, otherwise."""
    if not path.is_file():
        return kind()
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        notes.append(f"{path.name} could not be read ({error}).")
        return kind()
    if not isinstance(value, kind):
        wanted = "an object" if kind is dict else "a list"
        notes.append(f"{path.name} holds a {type(value).__name__}, expected {wanted}.")
        return kind()
    return value


def _read_metrics(path: Path, notes: list[str]) -> list[Json]:
    """Rows of a JSON-lines file; a torn last line is what an interruption leaves."""
    if not path.is_file():
        return []
    rows, damaged = [], 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            damaged += 1
            continue
        if isinstance(row, dict):
            rows.append(row)
    if damaged:
        notes.append(
            f"{damaged} of {len(rows) + damaged} lines of {path.name} are damaged and "
            "left out; the writer was probably stopped in the middle of a line."
        )
    return rows


def _read_evaluations(folder: Path, notes: list[str]) -> list[EvaluationFiles]:
    """Every evaluation, those without a guardrail first, then by name."""
    found = []
    for path in sorted(folder.glob("*/evaluation.json")):
        problems: list[str] = []
        values = _read_json(path, dict, problems)
        notes += [f"evaluations/{path.parent.name}/{problem}" for problem in problems]
        if not values:
            continue
        traces = path.with_name("traces.npz")
        found.append(
            EvaluationFiles(
                name=path.parent.name,
                values=values,
                traces=traces if traces.is_file() else None,
                modified=path.stat().st_mtime,
            )
        )
    return sorted(found, key=lambda e: (has_guardrail(e.values), e.name))


def _read_attributions(folder: Path, notes: list[str]) -> list[tuple[str, Json]]:
    """Every attribution of failures to links, by name."""
    found = []
    for path in sorted(folder.glob("*.json")):
        problems: list[str] = []
        values = _read_json(path, dict, problems)
        notes += [f"attribution/{problem}" for problem in problems]
        found += [(path.stem, values)] if values else []
    return found


def has_guardrail(values: Json) -> bool:
    """Whether an evaluation ran with something to keep out of."""
    protocol = dig(values, "protocol", "zone")
    return bool(protocol) or number_at(values, "violations", "n") is not None


def dig(values: Any, *keys: str) -> Any:
    """The value below nested keys, or None where a key is missing."""
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return None
        values = values[key]
    return values


def first(values: Any, *paths: str) -> Any:
    """The first value that exists among dotted paths."""
    found = (dig(values, *path.split(".")) for path in paths)
    return next((value for value in found if value not in (None, "")), None)


def as_number(value: Any) -> float | None:
    """A finite float, or None for everything that is not one (codecs write "nan")."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def number_at(values: Any, *keys: str) -> float | None:
    """The finite number below nested keys, or None."""
    return as_number(dig(values, *keys))


def numbers_at(values: Any, *keys: str) -> list[float | None]:
    """The list of numbers below nested keys; None marks a gap."""
    found = dig(values, *keys)
    return [as_number(v) for v in found] if isinstance(found, list) else []


def episodes(values: Json) -> list[Json]:
    """Results of the single episodes."""
    found = values.get("episodes")
    entries = found if isinstance(found, list) else []
    return [e for e in entries if isinstance(e, Mapping)]


def unit_of(values: Json) -> str:
    """Unit of distances and margins."""
    return str(dig(values, "protocol", "unit") or "")
