"""`telos diagnose`: have these embeddings collapsed?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    import numpy as np

EXAMPLES = """
telos diagnose embeddings.npy
telos diagnose embeddings.npy --clips clips.npy --page verdict.html
telos diagnose sequences.npy --predictions predicted.npy --json --strict
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Judge embeddings of any model: have they collapsed, and how do you know?

    Rows (N, D), or (E, T, D) for T consecutive frames of E clips. The verdict is ok,
    partial, dimensional, slow-feature or complete, with its evidence: deviations,
    effective rank, participation ratio, slope of the spectrum, correlation, the share
    of the variance within clips, and how predictable the sequences are.
    """

    file: tyro.conf.Positional[Path]
    """Embeddings (.npy), (N, D) or (E, T, D)."""
    clips: Path | None = None
    """The clip that each of N rows is from (.npy, whole numbers): without it, slow
    features cannot be seen."""
    groups: Path | None = None
    """The sample that each row is a view of (.npy, whole numbers), for LiDAR."""
    predictions: Path | None = None
    """What your model predicted each row to be (.npy, shape of the embeddings, NaN
    where it predicted nothing)."""
    scale: float = 1.0
    """Deviation that a healthy dimension has; 1/sqrt(D) for rows of unit length."""
    page: Path | None = None
    """Write a self-contained page with the spectrum drawn (.html)."""
    strict: bool = False
    """Exit with 1 if the verdict is not ok, for scripts."""
    overwrite: bool = False
    """Replace an existing page."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Read, judge and print."""
    from telos.config import jsonable
    from telos.learning.embeddings import diagnose_embeddings

    if command.page is not None and command.page.exists() and not command.overwrite:
        raise FileExistsError(f"{command.page} exists: replace it with --overwrite")
    embeddings = _array(command.file)
    clips = _array(command.clips) if command.clips else None
    found = diagnose_embeddings(
        embeddings,
        clips=clips,
        groups=_array(command.groups) if command.groups else None,
        predictions=_array(command.predictions) if command.predictions else None,
        scale=command.scale,
    )
    facts: dict[str, Any] = {
        "file": str(command.file),
        "rows": int(embeddings[..., 0].size),
        "dimensions": int(embeddings.shape[-1]),
        "clips": _count(embeddings, clips),
        "verdict": found.verdict.name,
        "text": found.verdict.text,
        "evidence": dict(found.verdict.evidence),
        "notes": list(found.notes),
        "spectrum": list(found.spectrum),
        "page": None if command.page is None else str(command.page),
        "failed": command.strict and found.verdict.name != "ok",
    }
    if command.page is not None:
        from telos.report import write_diagnosis

        write_diagnosis(jsonable(facts), command.page)
    if not command.common.json:
        _show(facts)
    return facts


def _array(path: Path) -> np.ndarray:
    """A .npy file, never one that holds objects.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is no array, or one of objects.
    """
    import numpy as np

    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; check the path")
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"{path} is no array of numbers that numpy.save wrote ({error})"
        ) from error
    if not isinstance(found, np.ndarray):
        raise ValueError(f"{path} holds several arrays: save the one to judge as .npy")
    return found


def _count(embeddings: np.ndarray, clips: np.ndarray | None) -> int | None:
    import numpy as np

    if clips is not None:
        return len(np.unique(clips))
    return len(embeddings) if embeddings.ndim == 3 else None


def _show(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    colour = {"ok": "green", "partial": "yellow"}.get(facts["verdict"], "red")
    console = Console(highlight=False)
    console.print(f"[bold {colour}]{facts['verdict']}[/]: {facts['text']}")
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in facts["evidence"].items():
        table.add_row(name.replace("_", " "), f"{value:.4g}")
    console.print(table)
    for note in facts["notes"]:
        console.print(f"[dim]note:[/dim] {note}")
    if facts["page"]:
        console.print(f"wrote {facts['page']}")
