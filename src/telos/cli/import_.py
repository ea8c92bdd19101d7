"""`telos import`: from a recording of another project to an episode file."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from telos.cli.bars import named_bars
from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    from telos.data.formats.importing import ImportSummary
    from telos.data.formats.source import Source
    from telos.data.store import EpisodeFile

EXAMPLES = """
telos import pusht --out pusht.h5
telos import pusht --out pusht.h5 --streams pixels state --episodes 50
telos import aloha --out aloha.h5 --image-size 96 128 --every 5
telos import videos --out videos.h5 --image-size 0
telos import robot --out robot.h5 --shift 1 --resume
"""

BOUNDS = {
    "declared": "as the recording declares them",
    "convention": "[-1, 1]: the recording declares none that hold, all actions do",
    "measured": "smallest and largest action, for want of others",
    "one-hot": "0 or 1, one number for each choice",
}
"""What the bounds of actions are, by where they come from."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Read a LeRobot dataset, a folder of videos or another known format.

    Episodes come one at a time, so a large recording needs no more memory than a small
    one. Interrupted imports go on with --resume; the file appears when it is whole.
    """

    source: tyro.conf.Positional[Path]
    """File or folder; its format is found by looking at it."""
    out: Path
    """Episode file to write (.h5)."""
    image_size: tuple[int, ...] = (64,)
    """Pixels of a side, or height and width; 0 leaves images as they are."""
    streams: tuple[str, ...] = ()
    """Observation streams to read; all by default."""
    shift: int = 0
    """Rows by which actions were stored late: with 1 the action that leaves a frame is
    the one stored with the next frame, with -1 that of the frame before. Frames at the
    ends of episodes that are left without an action are dropped. See what
    `telos inspect` says of the alignment."""
    every: int = 1
    """Keep every N-th frame and join the N actions between two of them into one."""
    episodes: int | None = None
    """Only the first so many episodes."""
    overwrite: bool = False
    """Replace an existing file."""
    resume: bool = False
    """Go on with an interrupted import, or with a file of fewer episodes."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Import, print what was imported, return it."""
    from telos.data.formats.importing import import_source
    from telos.data.formats.opening import open_source
    from telos.data.formats.pairing import Pairing
    from telos.data.formats.source import Wanted
    from telos.data.store import EpisodeFile

    began = time.monotonic()
    _check(command)
    size = image_size(command.image_size)
    wanted = Wanted(image_size=size, streams=command.streams or None)
    source = open_source(command.source, wanted)
    try:
        with named_bars(command.common) as bars:
            summary = import_source(
                source,
                command.out,
                pairing=Pairing(shift=command.shift, every=command.every),
                episodes=command.episodes,
                overwrite=command.overwrite,
                resume=command.resume,
                progress=lambda done, wanted: bars("episodes", done, wanted),
            )
    except KeyboardInterrupt:
        if not command.common.json:
            print(f"interrupted: continue with --resume ({command.out})")
        raise
    file, seconds = EpisodeFile(command.out), time.monotonic() - began
    if not command.common.json:
        _show(source, summary, file, seconds)
    return {
        "path": str(file.path),
        "source": str(command.source),
        "format": source.format,
        "episodes": file.num_episodes,
        "frames": file.num_frames,
        "bounds": _bounds(file),
        "bytes": file.path.stat().st_size,
        "digest": file.digest,
        "imported": asdict(summary),
        "seconds": seconds,
    }


def image_size(numbers: tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width; None for a single 0.

    Raises:
        ValueError: If there are not one or two numbers, or one is below 1.
    """
    if numbers == (0,):
        return None
    if len(numbers) not in (1, 2) or min(numbers) < 1:
        raise ValueError(
            f"--image-size is {' '.join(map(str, numbers)) or 'empty'}, expected one "
            "side, height and width, or 0 for images as they are"
        )
    return numbers[0], numbers[-1]


def _check(command: Command) -> None:
    if command.episodes is not None and command.episodes < 1:
        raise ValueError(f"--episodes is {command.episodes}, expected at least 1")
    if command.overwrite and command.resume:
        raise ValueError("choose one of --overwrite and --resume")


def _bounds(file: EpisodeFile) -> str | None:
    """Where the bounds of the actions come from; None where there are no actions."""
    return file.spec.options.get("actions", {}).get("bounds")


def _show(
    source: Source, summary: ImportSummary, file: EpisodeFile, seconds: float
) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    spec = file.spec
    found = f" ({summary.found} were there already)" if summary.found else ""
    streams = ", ".join(
        f"{name} {' x '.join(map(str, stream.shape))}"
        for name, stream in spec.streams.items()
    )
    console.print(
        f"{file.path}: {file.num_episodes} episodes, {file.num_frames:,} frames, "
        f"{file.path.stat().st_size / 2**20:.1f} MiB"
    )
    console.print(
        f"imported {summary.episodes} episodes{found} of {source.format} in "
        f"{seconds:.1f} s: {streams}; {spec.action_dim} actions"
    )
    if summary.too_short:
        console.print(f"left out {summary.too_short} episodes shorter than a step")
    for name in spec.options.get("left_out", ()):
        console.print(f"left out {name}: an episode file holds numbers and images only")
    if (origin := _bounds(file)) is not None:
        console.print(f"bounds of actions: {BOUNDS[origin]}")
    if not spec.action_dim:
        console.print("no actions: it can be inspected, but not trained on")
    console.print(f"next: telos inspect {file.path}")
