"""`telos inspect`: look into an episode file before training on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro

from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    from rich.table import Table

    from telos.data.recording import Recording
    from telos.data.store import EpisodeFile

EXAMPLES = """
telos inspect rooms.h5
telos inspect rooms.h5 --sheet rooms.png --video rooms.mp4
telos inspect rooms.h5 --json
"""

SAMPLE_EPISODES = 64
"""Episodes whose observations are read for the checks; all else is read in full."""
BINS = 32
BLOCKS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@dataclass(frozen=True, kw_only=True)
class Command:
    """Show what an episode file holds, check it, and draw pictures of it."""

    file: tyro.conf.Positional[Path]
    """Episode file (.h5)."""
    sheet: Path | None = None
    """Write a contact sheet (.png)."""
    video: Path | None = None
    """Write a preview video (.mp4)."""
    episodes: int = 6
    """Episodes on the sheet and in the video, evenly spaced in the file."""
    fps: int = 20
    """Frames per second of the video."""
    overwrite: bool = False
    """Replace existing pictures."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Read, check, draw and print."""
    from telos.data.checks import check_streams, check_tables
    from telos.data.store import EpisodeFile

    file = EpisodeFile(command.file)
    _refuse_existing(command)
    tables = file.load(streams=[])
    sample = file.load(_spread(file.num_episodes, SAMPLE_EPISODES))
    findings = [*check_tables(tables), *check_streams(sample)]
    pictures = _draw(command, file)
    facts = _facts(file, tables)
    facts["checks"] = [asdict(finding) for finding in findings]
    facts["pictures"] = [str(path) for path in pictures]
    if not command.common.json:
        _show(facts, sample.num_episodes)
    return facts


def _refuse_existing(command: Command) -> None:
    for path in (command.sheet, command.video):
        if path is not None and path.exists() and not command.overwrite:
            raise FileExistsError(f"{path} exists: replace it with --overwrite")


def _spread(count: int, most: int) -> np.ndarray:
    """Indices of at most ``most`` episodes, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def _draw(command: Command, file: EpisodeFile) -> list[Path]:
    from telos.data import preview

    if command.sheet is None and command.video is None:
        return []
    stream = preview.image_stream(file.spec)
    if command.episodes < 1:
        raise ValueError(f"--episodes is {command.episodes}, expected at least 1")
    chosen = _spread(file.num_episodes, command.episodes)
    recording = file.load(chosen, streams=[stream])
    if command.sheet is not None:
        episodes = [recording.episode(i) for i in range(recording.num_episodes)]
        preview.write_png(command.sheet, preview.contact_sheet(episodes, stream))
    if command.video is not None:
        frames = np.asarray(recording.observations[stream])
        preview.write_video(command.video, frames, command.fps)
    return [path for path in (command.sheet, command.video) if path is not None]


def _facts(file: EpisodeFile, tables: Recording) -> dict[str, Any]:
    steps = file.lengths - 1
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
        "actions": list(_actions(tables)),
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


def _actions(tables: Recording) -> Iterator[dict[str, Any]]:
    from telos.data.checks import histogram, transitions

    rows = tables.actions[transitions(tables)]
    spec = tables.spec
    for dim in range(spec.action_dim):
        low, high = float(spec.action_low[dim]), float(spec.action_high[dim])
        yield {
            "low": low,
            "high": high,
            "mean": float(rows[:, dim].mean()),
            "std": float(rows[:, dim].std()),
            "histogram": histogram(rows[:, dim], low, high, BINS),
        }


def _show(facts: dict[str, Any], sampled: int) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_summary_table(facts))
    console.print(_stream_table(facts))
    console.print(_action_table(facts))
    share = f"observations of {sampled} episodes, all else of {facts['episodes']}"
    console.print(f"\n[bold]checks[/bold] ({share})")
    for finding in facts["checks"]:
        colour = COLOURS[finding["level"]]
        label = f"[{colour}]{finding['level']:>7}[/{colour}]"
        console.print(f"{label}  {finding['check']}: {finding['text']}")
    for path in facts["pictures"]:
        console.print(f"wrote {path}")


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
