"""`telos inspect`: look into an episode file before training on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro

from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from telos.data.checks import Inspection
    from telos.data.store import EpisodeFile

EXAMPLES = """
telos inspect rooms.h5
telos inspect rooms.h5 --page rooms.html
telos inspect rooms.h5 --sheet rooms.png --video rooms.mp4
telos inspect rooms.h5 --json --strict
"""

BLOCKS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}
SHEET_FRAMES = 8
"""Frames of an episode on the page's contact sheet."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Show what an episode file holds, find what would ruin a model, draw pictures.

    Frames that a camera lost or repeated, actions that stand beside the wrong frame,
    actions that do nothing or were never tried, episodes that are there twice: each
    finding comes with its number, what it means for training and what to do about it.
    A large file is sampled, and the output says how.
    """

    file: tyro.conf.Positional[Path]
    """Episode file (.h5)."""
    page: Path | None = None
    """Write a self-contained page with a card per finding (.html)."""
    sheet: Path | None = None
    """Write a contact sheet with a row per episode and camera (.png)."""
    video: Path | None = None
    """Write a preview video, cameras side by side (.mp4)."""
    strict: bool = False
    """Exit with 1 if there is an error among the findings, for scripts."""
    window: int = 4
    """Steps that an episode needs to be trained on; telos train asks for 4, times its
    frame skip."""
    episodes: int = 6
    """Episodes on sheet, page and video, evenly spaced in the file."""
    fps: int = 20
    """Frames per second of the video."""
    overwrite: bool = False
    """Replace an existing page and existing pictures."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Read, check, draw and print."""
    from telos.data.checks import Sampling, inspect_file
    from telos.data.store import EpisodeFile

    _refuse_existing(command)
    file = EpisodeFile(command.file)
    sampling = Sampling(seed=command.common.seed)
    with _progress(command) as say:
        inspection = inspect_file(
            file, window=command.window, sampling=sampling, say=say
        )
        say("pictures")
        written = _draw(command, file)
        facts = _facts(file, inspection, command.strict)
        if command.page is not None:
            written.append(_write_page(command, file, inspection, facts))
    facts["pictures"] = [str(path) for path in written]
    if not command.common.json:
        _show(facts)
    return facts


def _refuse_existing(command: Command) -> None:
    if command.episodes < 1:
        raise ValueError(f"--episodes is {command.episodes}, expected at least 1")
    for path in (command.sheet, command.video, command.page):
        if path is not None and path.exists() and not command.overwrite:
            raise FileExistsError(f"{path} exists: replace it with --overwrite")


@contextmanager
def _progress(command: Command) -> Iterator[Callable[[str], None]]:
    """Say on a terminal what is being read."""
    if command.common.json or command.common.quiet:
        yield lambda stage: None
        return
    with _console().status("reading") as status:
        yield lambda stage: status.update(f"reading {stage}")


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _draw(command: Command, file: EpisodeFile) -> list[Path]:
    from telos.data import preview
    from telos.data.recording import spread

    if command.sheet is None and command.video is None:
        return []
    cameras = preview.cameras(file.spec)
    chosen = spread(file.num_episodes, command.episodes)
    recording = file.load(chosen, streams=cameras)
    if command.sheet is not None:
        episodes = [recording.episode(i) for i in range(recording.num_episodes)]
        preview.write_png(command.sheet, preview.contact_sheet(episodes, *cameras))
    if command.video is not None:
        films = [np.asarray(recording.observations[name]) for name in cameras]
        preview.write_video(command.video, preview.side_by_side(films), command.fps)
    return [path for path in (command.sheet, command.video) if path is not None]


def _write_page(
    command: Command, file: EpisodeFile, inspection: Inspection, facts: dict[str, Any]
) -> Path:
    """Gather the pictures that the findings name, and lay out the page."""
    from telos.config import jsonable
    from telos.data.preview import evenly_spaced, frames_of
    from telos.report import Shot, write_inspection

    assert command.page is not None

    def shots(stream: str, places: Any) -> list[Shot]:
        images = frames_of(file, stream, places)
        return [
            Shot(episode=episode, frame=frame, image=image)
            for (episode, frame), image in zip(places, images, strict=True)
        ]

    strips = [
        [shots(strip.stream, strip.frames) for strip in finding.strips]
        for finding in inspection.findings
    ]
    sheet = {
        stream: [shots(stream, row) for row in rows]
        for stream, rows in evenly_spaced(file, command.episodes, SHEET_FRAMES).items()
    }
    write_inspection(jsonable(facts), command.page, strips=strips, sheet=sheet)
    return command.page


def _facts(file: EpisodeFile, inspection: Inspection, strict: bool) -> dict[str, Any]:
    steps = file.lengths - 1
    errors = inspection.count("error")
    return {
        "path": str(file.path),
        "world": file.spec.id,
        "options": dict(file.spec.options),
        "created": file.created,
        "digest": file.digest,
        "bytes": file.path.stat().st_size,
        "episodes": file.num_episodes,
        "frames": file.num_frames,
        "steps": {"min": steps.min(), "median": np.median(steps), "max": steps.max()},
        "seeds": {"min": file.seeds.min(), "max": file.seeds.max()},
        "layout": _layout_ranges(file),
        "streams": list(_streams(file)),
        "actions": inspection.actions,
        "errors": errors,
        "warnings": inspection.count("warning"),
        "looked_at": inspection.looked_at,
        "checks": inspection.findings,
        "failed": strict and errors > 0,
    }


def _layout_ranges(file: EpisodeFile) -> dict[str, dict[str, float]]:
    names = sorted({name for layout in file.layouts for name in layout})
    values = {n: [row[n] for row in file.layouts if n in row] for n in names}
    return {n: {"min": min(v), "max": max(v)} for n, v in values.items()}


def _streams(file: EpisodeFile) -> Iterator[dict[str, Any]]:
    groups = {"observations": file.spec.streams, "labels": file.spec.labels}
    for group, streams in groups.items():
        for name, stream in streams.items():
            fields = {"shape": stream.shape, "dtype": stream.dtype, "unit": stream.unit}
            yield {"name": f"{group}/{name}", **fields}


def _show(facts: dict[str, Any]) -> None:
    from rich.markup import escape

    console = _console()
    console.print(_summary_table(facts))
    console.print(_stream_table(facts))
    if facts["actions"]:
        console.print(_action_table(facts))
    console.print(f"\n[bold]checks[/bold] ({'; '.join(facts['looked_at'])})")
    for finding in facts["checks"]:
        colour = COLOURS[finding.level]
        label = f"[{colour}]{finding.level:>7}[/{colour}]"
        text = escape(f"{finding.check}: {finding.text}")
        console.print(f"{label}  {text}")
        if finding.level != "ok":
            console.print(f"         [dim]for training:[/dim] {escape(finding.means)}")
            console.print(f"         [dim]what to do:[/dim]   {escape(finding.remedy)}")
    console.print(f"\n[bold]{verdict(facts['errors'], facts['warnings'])}[/bold]")
    for path in facts["pictures"]:
        console.print(f"wrote {path}")


def verdict(errors: int, warnings: int) -> str:
    """What came out, in a line."""
    counted = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    return ", ".join(counted) if counted else "nothing suspicious"


def _summary_table(facts: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    steps, seeds = facts["steps"], facts["seeds"]
    rows = {
        "file": f"{facts['path']}, {facts['bytes'] / 2**20:.1f} MiB",
        "world": f"{facts['world']} {facts['options'] or ''}",
        "episodes": f"{facts['episodes']:,}, seeds {seeds['min']} to {seeds['max']}",
        "frames": f"{facts['frames']:,}",
        "steps": f"{steps['min']} to {steps['max']}, median {steps['median']:g}",
        "created": facts["created"],
        "digest": facts["digest"][:16],
    }
    for name, value in facts["layout"].items():
        rows[f"layout {name}"] = f"{value['min']:.4g} to {value['max']:.4g}"
    for name, text in rows.items():
        table.add_row(f"[bold]{name}[/bold]", text)
    return table


def _stream_table(facts: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table("stream", "shape", "dtype", "unit")
    for stream in facts["streams"]:
        shape = " x ".join(map(str, stream["shape"])) or "number"
        table.add_row(stream["name"], shape, stream["dtype"], stream["unit"])
    return table


def _action_table(facts: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table("action", "low", "histogram", "high", "mean", "std")
    for dim, action in enumerate(facts["actions"]):
        numbers = [f"{action[name]:.3g}" for name in ("low", "high", "mean", "std")]
        bars = sparkline(action["histogram"])
        table.add_row(str(dim), numbers[0], bars, *numbers[1:])
    return table


def sparkline(counts: list[int]) -> str:
    """One block character per count; the highest block is the largest count."""
    top = max(max(counts), 1)
    return "".join(BLOCKS[-(-count * (len(BLOCKS) - 1) // top)] for count in counts)
