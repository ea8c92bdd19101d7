"""Files of a dataset: templates that may name nothing outside of it.

A dataset comes from others. Its templates may be relative paths with counters and keys
in them, and nothing else: no absolute path, no ``..``, no link that leads outside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from telos.data.formats.links import refuse_outside

FIELD = re.compile(r"\{(\w+)(?::0(\d)d)?\}")
"""A field of a template: ``{video_key}`` or ``{chunk_index:03d}``."""


def place(root: Path, template: str, **values: int | str) -> Path:
    """The file that a template names.

    Args:
        root: Folder of the dataset.
        template: Relative path with fields in braces, as in ``meta/info.json``.
        values: Of the fields.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the template is malformed or leads outside of the dataset.
    """
    relative = PurePosixPath(filled(template, values))
    if relative.is_absolute() or ".." in relative.parts:
        raise ValueError(
            f"{root}: {str(relative)!r} leads outside of the dataset; the paths of "
            "meta/info.json must be relative and without '..'"
        )
    path = root / relative
    refuse_outside(root, path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist, though the tables of the dataset name it; "
            "download the dataset completely"
        )
    return path


def filled(template: str, values: Mapping[str, int | str]) -> str:
    """A template with its fields filled in; not `str.format`, which can do too much.

    Raises:
        ValueError: If it has an unknown field, or braces that are none.
    """

    def value_of(field: re.Match[str]) -> str:
        name, width = field[1], int(field[2] or 0)
        if name not in values:
            raise ValueError(
                f"the path template {template!r} of meta/info.json has the unknown "
                f"field {name!r}, expected {sorted(values)}"
            )
        return str(values[name]).zfill(width)

    if re.search(r"[{}]", FIELD.sub("", template)):
        raise ValueError(
            f"the path template {template!r} of meta/info.json is malformed, expected "
            "fields such as {chunk_index:03d}"
        )
    return FIELD.sub(value_of, template)
