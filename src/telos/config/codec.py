"""The codec: frozen dataclasses to what JSON can hold, and back.

Every component owns a frozen dataclass; a recipe is a function that returns a complete
one. JSON only dumps and reloads: nothing here builds an object from a name in a file.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

Size = Literal["tiny", "small", "base"]
"""The one dial of a recipe: width, depth, batch and horizon follow from it."""

T = TypeVar("T")

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
"""JSON has no such numbers; a codec that wrote null would not be reversible."""


def to_dict(value: Any) -> Any:
    """Turn a dataclass into what JSON can hold; `from_dict` reverses it.

    Args:
        value: A dataclass, or anything that may stand in a field of one: None, bool,
            int, float, str, Path, list, tuple, mapping with string keys.

    Raises:
        TypeError: If a value has no JSON form (a tensor belongs into a tensor file).
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: to_dict(getattr(value, f.name)) for f in fields if f.init}
    if isinstance(value, Mapping):
        return {str(key): to_dict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_dict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(
        f"{type(value).__name__} has no place in a configuration; expected numbers, "
        "text, paths, sequences, mappings and dataclasses of these."
    )


def from_dict(cls: type[T], data: Mapping[str, Any], path: str = "") -> T:
    """Build a dataclass from what `to_dict` (or a JSON file) returned.

    A key that is absent takes the field's default. Members of a union are tried in
    order, so dataclasses that share a union need different required fields.

    Args:
        cls: The dataclass to build.
        data: Its fields by name.
        path: Where `data` stands in the whole, for messages.

    Raises:
        ValueError: On an unknown key (with the nearest known name), an absent key
            that has no default, or a value of the wrong type, each with its path.
    """
    if not isinstance(data, Mapping):
        raise _wrong(path, data, f"the fields of {cls.__name__}")
    known = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    _refuse_unknown(data, known, path)
    hints = typing.get_type_hints(cls)
    values = {
        name: _decode(hints[name], data[name], _join(path, name))
        for name in known
        if name in data
    }
    _refuse_missing(known, values, path, cls.__name__)
    return cls(**values)


def _refuse_unknown(data: Mapping[str, Any], known: Mapping, path: str) -> None:
    for key in data:
        if key in known:
            continue
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}."
        raise ValueError(f"unknown key {_join(path, key)!r}; {hint}")


def _refuse_missing(
    known: Mapping[str, dataclasses.Field], values: Mapping, path: str, owner: str
) -> None:
    for name, spec in known.items():
        optional = (
            spec.default is not dataclasses.MISSING
            or spec.default_factory is not dataclasses.MISSING
        )
        if name not in values and not optional:
            raise ValueError(
                f"missing key {_join(path, name)!r}; {owner} has no default for it."
            )


def _decode(hint: Any, value: Any, path: str) -> Any:
    """Check one JSON value against a type annotation and convert it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _decode_union(args, value, path)
    if origin is Literal:
        return _decode_literal(args, value, path)
    if origin is tuple or hint is tuple:
        return _decode_tuple(args or (Any, ...), value, path)
    if isinstance(origin or hint, type) and issubclass(origin or hint, Mapping):
        return _decode_mapping(args, value, path)
    if origin in (list, Sequence) or hint is list:
        return _decode_list(args or (Any,), value, path)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, path)
    return _decode_scalar(hint, value, path)


def _decode_union(members: tuple, value: Any, path: str) -> Any:
    if value is None and type(None) in members:
        return None
    candidates = [member for member in members if member is not type(None)]
    problems = []
    for member in candidates:
        try:
            return _decode(member, value, path)
        except ValueError as problem:
            problems.append(str(problem))
    raise ValueError(" Or: ".join(problems))


def _decode_literal(choices: tuple, value: Any, path: str) -> Any:
    for choice in choices:
        if choice == value and type(choice) is type(value):
            return choice
    raise _wrong(path, value, f"one of {', '.join(map(repr, choices))}")


def _decode_tuple(args: tuple, value: Any, path: str) -> tuple:
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_decode_list(args[:1], value, path))
    if not isinstance(value, (list, tuple)) or len(value) != len(args):
        raise _wrong(path, value, f"a list of {len(args)} items")
    items = zip(args, value, strict=True)
    return tuple(_decode(hint, v, f"{path}[{i}]") for i, (hint, v) in enumerate(items))


def _decode_list(args: tuple, value: Any, path: str) -> list:
    if not isinstance(value, (list, tuple)):
        raise _wrong(path, value, "a list")
    return [_decode(args[0], v, f"{path}[{i}]") for i, v in enumerate(value)]


def _decode_mapping(args: tuple, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(path, value, "a mapping")
    item = args[1] if len(args) == 2 else Any
    return {key: _decode(item, v, _join(path, str(key))) for key, v in value.items()}


def _decode_scalar(hint: Any, value: Any, path: str) -> Any:
    if hint is float and isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, (str, Path)):
        return Path(value)
    if hint is type(None) and value is None:
        return None
    # bool is a subclass of int, and `true` where a number belongs is a mistake.
    if type(value) is hint and hint in (bool, int, float, str):
        return value
    raise _wrong(path, value, getattr(hint, "__name__", str(hint)))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _wrong(path: str, value: Any, expected: str) -> ValueError:
    where = path or "the configuration"
    return ValueError(
        f"{where}: got {value!r} ({type(value).__name__}), expected {expected}."
    )
