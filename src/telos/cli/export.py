"""`telos export`: from an episode file to a dataset of another project."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from telos.cli.bars import named_bars
from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    from telos.data.store import EpisodeFile

EXAMPLES = """
telos export rooms.h5 --to lerobot datasets/rooms
telos export rooms.h5 --to lerobot datasets/rooms --images lossless --fps 10
telos export rooms.h5 --to minari datasets/rooms-v0
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Write an episode file as a LeRobotDataset v3.0 or a Minari dataset, whole or not
    at all.

    LeRobot stores an action beside every frame, so the last action of an episode is
    written twice; seeds and layouts have no place there. Minari keeps everything.
    """

    file: tyro.conf.Positional[Path]
    """Episode file (.h5)."""
    out: tyro.conf.Positional[Path]
    """Folder of the dataset to make."""
    to: Literal["lerobot", "minari"] = "lerobot"
    """Format to write."""
    images: Literal["h264", "lossless", "png"] = "h264"
    """Of LeRobot: h264 (small, with the error of a codec), lossless (H.264 that keeps
    every pixel; browsers do not play it) or png (pictures in the tables)."""
    fps: float | None = None
    """Of LeRobot: frames per second; by default what the file says, else 20."""
    task: str = ""
    """Of LeRobot: what is done in the episodes, where the file has no texts of
    tasks."""
    overwrite: bool = False
    """Replace an existing dataset of that format."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Export, print what was written, return it."""
    from telos.data.store import EpisodeFile

    began = time.monotonic()
    file = EpisodeFile(command.file)
    told = WRITERS[command.to](command, file)
    result = {
        "path": str(command.out),
        "episodes": file.num_episodes,
        "frames": file.num_frames,
        **told,
        "bytes": sum(p.stat().st_size for p in command.out.rglob("*") if p.is_file()),
        "seconds": time.monotonic() - began,
    }
    if not command.common.json:
        _show(result)
    return result


def _write_lerobot(command: Command, file: EpisodeFile) -> dict[str, Any]:
    from telos.data.formats.lerobot.info import read_info
    from telos.data.formats.lerobot.writer import ExportSettings, export_lerobot

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
    return {
        "format": f"lerobot-v{info.version}",
        "fps": info.fps,
        "features": sorted(info.features),
    }


def _write_minari(command: Command, file: EpisodeFile) -> dict[str, Any]:
    from telos.data.formats.minari_writer import write_minari

    if command.fps is not None or command.task or command.images != "h264":
        raise ValueError(
            "--fps, --task and --images belong to --to lerobot; Minari has no place "
            "for them"
        )
    write_minari(file, command.out, overwrite=command.overwrite)
    names = [*file.spec.streams, *file.spec.labels]
    return {"format": "minari", "features": sorted(names)}


WRITERS: dict[str, Callable[[Command, "EpisodeFile"], dict[str, Any]]] = {
    "lerobot": _write_lerobot,
    "minari": _write_minari,
}


def _show(result: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    rate = f" at {result['fps']:g} per second" if "fps" in result else ""
    console.print(
        f"{result['path']}: {result['format']}, {result['episodes']} episodes, "
        f"{result['frames']:,} frames{rate}, {result['bytes'] / 2**20:.1f} MiB, "
        f"written in {result['seconds']:.1f} s"
    )
    console.print(f"features {', '.join(result['features'])}")
