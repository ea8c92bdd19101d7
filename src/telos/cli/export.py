"""`telos export`: from an episode file to a dataset of another project."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from telos.cli.bars import named_bars
from telos.cli.common import CommonOptions

EXAMPLES = """
telos export rooms.h5 --to lerobot datasets/rooms
telos export rooms.h5 --to lerobot datasets/rooms --images lossless --fps 10
telos export rooms.h5 --to lerobot datasets/rooms --images png --overwrite
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Write an episode file as a LeRobotDataset v3.0, whole or not at all.

    LeRobot stores an action beside every frame, so the last action of an episode is
    written twice. Seeds and layouts have no place in that format.
    """

    file: tyro.conf.Positional[Path]
    """Episode file (.h5)."""
    out: tyro.conf.Positional[Path]
    """Folder of the dataset to make."""
    to: Literal["lerobot"] = "lerobot"
    """Format to write."""
    images: Literal["h264", "lossless", "png"] = "h264"
    """h264 (small, with the error of a codec), lossless (H.264 that keeps every pixel;
    browsers do not play it) or png (pictures in the tables)."""
    fps: float | None = None
    """Frames per second; by default what the file says, else 20."""
    task: str = ""
    """What is done in the episodes, where the file has no texts of tasks."""
    overwrite: bool = False
    """Replace an existing LeRobot dataset."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Export, print what was written, return it."""
    from telos.data.formats.lerobot.info import read_info
    from telos.data.formats.lerobot.writer import ExportSettings, export_lerobot
    from telos.data.store import EpisodeFile

    began = time.monotonic()
    file = EpisodeFile(command.file)
    settings = ExportSettings(
        images=command.images,
        fps=command.fps,
        task=command.task,
        overwrite=command.overwrite,
    )
    with named_bars(command.common) as bars:
        export_lerobot(
            file,
            command.out,
            settings,
            progress=lambda done, wanted: bars("episodes", done, wanted),
        )
    info = read_info(command.out)
    result = {
        "path": str(command.out),
        "format": f"lerobot-v{info.version}",
        "episodes": info.num_episodes,
        "frames": file.num_frames,
        "fps": info.fps,
        "features": sorted(info.features),
        "bytes": sum(p.stat().st_size for p in command.out.rglob("*") if p.is_file()),
        "seconds": time.monotonic() - began,
    }
    if not command.common.json:
        _show(result)
    return result


def _show(result: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"{result['path']}: {result['episodes']} episodes, {result['frames']:,} frames "
        f"at {result['fps']:g} per second, {result['bytes'] / 2**20:.1f} MiB, "
        f"written in {result['seconds']:.1f} s"
    )
    console.print(f"features {', '.join(result['features'])}")
