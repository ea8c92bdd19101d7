"""Guardrails as a file that a person writes: `zones.json`.

[{"type": "keep-out-disc", "quantity": "position", "center": [32, 20],
  "radius": 6, "buffer": 0.5}]
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from telos.cost.guardrails.base import PhysicalGuardrail
from telos.cost.guardrails.bound import Bound
from telos.cost.guardrails.keep_out_box import KeepOutBox
from telos.cost.guardrails.keep_out_disc import KeepOutDisc
from telos.cost.readout import ReadOut

KINDS: Mapping[str, type[PhysicalGuardrail]] = {
    guardrail.kind: guardrail for guardrail in (KeepOutDisc, KeepOutBox, Bound)
}
"""What `type` may say in a zones file."""


def load_zones(
    path: str | Path, readouts: Mapping[str, ReadOut]
) -> tuple[PhysicalGuardrail, ...]:
    """Read guardrails from a zones file.

    Args:
        path: A JSON list, one object per guardrail.
        readouts: What `quantity` may name, in the unit that the file uses.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not such a list; the message names the entry.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no zones file at '{path}'; check the path.")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"'{path}' is not JSON: {problem}.") from None
    try:
        return parse_zones(entries, readouts)
    except ValueError as problem:
        raise ValueError(f"'{path}': {problem}") from None


def parse_zones(
    entries: Any, readouts: Mapping[str, ReadOut]
) -> tuple[PhysicalGuardrail, ...]:
    """Build guardrails from what a zones file holds.

    Raises:
        ValueError: If an entry has an unknown type, quantity or key, lacks one, holds
            a wrong value, or has the name of another entry.
    """
    if not isinstance(entries, list):
        raise ValueError(
            f"expected a list of guardrails, found {type(entries).__name__}; write "
            '[{"type": "keep-out-disc", ...}].'
        )
    guardrails = tuple(
        _build(entry, f"guardrail {number}", readouts)
        for number, entry in enumerate(entries, start=1)
    )
    require_distinct_names(guardrails)
    return guardrails


def zones_json(guardrails: Iterable[PhysicalGuardrail]) -> str:
    """The text of a zones file that builds these guardrails again."""
    return json.dumps([guardrail.description() for guardrail in guardrails], indent=2)


def require_distinct_names(guardrails: Sequence[PhysicalGuardrail]) -> None:
    """Refuse two guardrails of one name: their margins could not be told apart.

    Raises:
        ValueError: If two share a name.
    """
    names = [guardrail.name for guardrail in guardrails]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"two guardrails are called {', '.join(map(repr, twice))}; give them "
            'different names with "name".'
        )


def _build(
    entry: Any, where: str, readouts: Mapping[str, ReadOut]
) -> PhysicalGuardrail:
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is {entry!r}; expected an object with a type.")
    kind = _choose(KINDS, entry.get("type"), f"{where}: type")
    readout = _choose(readouts, entry.get("quantity"), f"{where}: quantity")
    values = {k: v for k, v in entry.items() if k not in ("type", "quantity")}
    _check_keys(kind, values, where)
    expected = {item.name: str(item.type) for item in fields(kind)}
    converted = {
        key: _convert(value, expected[key], f"{where}: {key}")
        for key, value in values.items()
    }
    try:
        return kind(readout=readout, **converted)
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None


def _choose(options: Mapping[str, Any], key: Any, where: str) -> Any:
    if isinstance(key, str) and key in options:
        return options[key]
    near = difflib.get_close_matches(str(key), options, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    offered = ", ".join(options) or "nothing (no read-out was fitted)"
    raise ValueError(f"{where} is {key!r}; on offer: {offered}.{hint}")


def _check_keys(
    kind: type[PhysicalGuardrail], values: Mapping[str, Any], where: str
) -> None:
    known = {item.name: item for item in fields(kind) if item.name != "readout"}
    unknown = [key for key in values if key not in known]
    missing = [
        name
        for name, item in known.items()
        if item.default is MISSING and name not in values
    ]
    if unknown or missing:
        raise ValueError(
            f"{where} ({kind.kind}): unknown {unknown}, missing {missing}; known keys: "
            f"type, quantity, {', '.join(known)}."
        )


def _convert(value: Any, expected: str, where: str) -> Any:
    """One JSON value as a field of a guardrail, by the field's annotation."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if expected.startswith("tuple"):
        if isinstance(value, list) and all(
            isinstance(item, (int, float)) and not isinstance(item, bool)
            for item in value
        ):
            return tuple(float(item) for item in value)
        raise ValueError(f"{where} is {value!r}; expected a list of numbers.")
    if expected.startswith("str") and isinstance(value, str):
        return value
    if expected.startswith("int") and isinstance(value, int) and number:
        return value
    if expected.startswith("float") and number:
        return float(value)
    wanted = "text" if expected.startswith("str") else "a number"
    raise ValueError(f"{where} is {value!r}; expected {wanted}.")
