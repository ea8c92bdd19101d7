"""Run folders in, one self-contained HTML file out."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from telos.config import atomic_write
from telos.report.attribution import AttributionView, attribution_view
from telos.report.comparison import Comparison, compare, training_seconds
from telos.report.layout import render
from telos.report.reading import EvaluationFiles, RunFiles, first, read_run
from telos.report.results import Evaluation, evaluation_view
from telos.report.safety import safety_notes, unguarded_twin
from telos.report.training import (
    Phase,
    Representation,
    phases,
    representation,
    said_of_decoder,
)
from telos.report.wording import duration, machine_words, moment

FILMS = 8
"""Recorded episodes shown per evaluation."""
MAX_FILMS = 24
"""Recorded episodes shown on a page."""
DIGESTS = ("data.digest", "data_digest", "dataset.digest", "data.sha256", "digest")
"""Where a run folder may name the data that it learned from."""


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One run, ready to be laid out."""

    name: str
    anchor: str
    notes: Sequence[str]
    facts: Sequence[tuple[str, str]]
    evaluations: Sequence[Evaluation]
    attributions: Sequence[AttributionView]
    representation: Representation | None
    phases: Sequence[Phase]
    imagined: str
    """Source of a picture of what the model imagined; empty without a decoder."""
    imagined_note: str
    commands: Sequence[str]
    config: Any
    environment: Any

    @property
    def model(self) -> Evaluation | None:
        """The evaluation that also measured the model itself."""
        measured = (e for e in self.evaluations if e.open_loop or e.probes)
        return next(measured, None)


def build_report(paths: Sequence[Path], *, films: int = FILMS) -> str:
    """The page for one or more run folders; the same folders give the same page.

    Args:
        paths: Run folders, best known first.
        films: Recorded episodes per evaluation, fewer if many evaluations share a page.

    Raises:
        FileNotFoundError: If a folder does not exist.
        ValueError: If a folder is not a run folder, or none was given.
    """
    if not paths:
        raise ValueError(
            "no run folder given. Pass one, as in `telos report runs/demo`."
        )
    runs = [read_run(Path(path)) for path in paths]
    names = unique_names(runs)
    total = sum(len(run.evaluations) for run in runs) or 1
    share = max(min(films, MAX_FILMS // total), 1)
    views = [
        _run_view(run, name, f"run-{index}", share)
        for index, (run, name) in enumerate(zip(runs, names, strict=True))
    ]
    return _render(views, compare(runs, names) if len(runs) > 1 else None, paths)


def write_report(paths: Sequence[Path], out: Path, *, films: int = FILMS) -> int:
    """Write the page, replacing an old one as a whole; return its size in bytes."""
    content = build_report(paths, films=films).encode("utf-8")
    atomic_write(out, content)
    return len(content)


def unique_names(runs: Sequence[RunFiles]) -> list[str]:
    """Folder names; equal ones are told apart by their number."""
    names = [run.name for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})"
        for i, name in enumerate(names)
    ]


def _run_view(run: RunFiles, name: str, anchor: str, films: int) -> RunView:
    return RunView(
        name=name,
        anchor=anchor,
        notes=run.notes,
        facts=_facts(run),
        evaluations=[
            evaluation_view(
                files,
                f"{anchor}-eval-{index}",
                films,
                _safety(run, files),
            )
            for index, files in enumerate(run.evaluations)
        ],
        attributions=[attribution_view(*found) for found in run.attributions],
        representation=representation(run),
        phases=phases(run),
        imagined=_imagined(run),
        imagined_note=said_of_decoder(run),
        commands=_commands(run),
        config=run.config,
        environment=run.environment,
    )


def _imagined(run: RunFiles) -> str:
    if run.imagined is None:
        return ""
    content = base64.b64encode(run.imagined.read_bytes()).decode("ascii")
    return f"data:image/png;base64,{content}"


def _safety(run: RunFiles, files: EvaluationFiles) -> list[str]:
    twin = unguarded_twin(files, run.evaluations)
    return safety_notes(files.values, twin, run.calibration)


def _facts(run: RunFiles) -> list[tuple[str, str]]:
    trained = training_seconds(run)
    machine = first(run.environment, "machine") or run.environment
    facts = (
        ("when", moment(run.modified)),
        ("machine", machine_words(machine)),
        ("training", duration(trained) if trained else ""),
        ("size", str(first(run.config, "size") or "")),
        ("commit", str(first(run.environment, "commit", "git.commit") or "")[:19]),
        ("data", _data_digest(run)),
    )
    return [(name, value) for name, value in facts if value]


def _data_digest(run: RunFiles) -> str:
    found = first(run.environment, *DIGESTS) or first(run.config, *DIGESTS)
    return str(found)[:19] if found else ""


def _commands(run: RunFiles) -> list[str]:
    """What was typed, in the order in which it was typed."""
    argv = first(run.environment, "argv", "command")
    commands = [shell_line(argv)] if argv else []
    commands += [shell_line(e.values.get("command")) for e in run.evaluations]
    commands += [shell_line(v.get("command")) for _, v in run.attributions]
    commands.append(shlex.join(["telos", "report", str(run.path), "--open"]))
    return list(dict.fromkeys(command for command in commands if command))


def shell_line(command: object) -> str:
    """A recorded command as one line; the interpreter's path is not part of it."""
    if isinstance(command, str):
        return command
    if not isinstance(command, list) or not command:
        return ""
    words = [str(word) for word in command]
    if words[0].endswith(("telos", "__main__.py", "telos.exe")):
        words[0] = "telos"
    return shlex.join(words)


def _render(
    views: Sequence[RunView], comparison: Comparison | None, paths: Sequence[Path]
) -> str:
    return render(
        "report.html.j2",
        runs=views,
        comparison=comparison,
        films_json=Markup(_films_json(views)),
        command=shlex.join(["telos", "report", *map(str, paths), "--open"]),
    )


def _films_json(views: Sequence[RunView]) -> str:
    """Recordings for the player; ``<`` is written so that no tag can end the script."""
    films = {
        film.key: film.replay.to_json()
        for run in views
        for evaluation in run.evaluations
        for film in evaluation.films
    }
    return json.dumps(films, separators=(",", ":")).replace("<", "\\u003c")
