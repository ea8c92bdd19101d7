"""`telos collect`: record episodes of a behaviour in a world."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from telos.cli.common import CommonOptions
from telos.cli.pairs import parse_pairs

if TYPE_CHECKING:
    from rich.progress import Progress

    from telos.collect import CollectSummary
    from telos.data.store import EpisodeFile

EXAMPLES = """
telos collect two-rooms --episodes 500 --steps 150 --out rooms.h5
telos collect two-rooms --out rooms.h5 --resume
telos collect two-rooms --out rooms.h5 --append --seed 500 --policy random
telos collect two-rooms --options layout=fixed --out fixed.h5 --overwrite
telos collect gym:Pendulum-v1 --policy random --out pendulum.h5
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Record episodes; interrupted recordings lose nothing and go on with --resume.

    Episode i is reset with seed --seed plus i, so the recording does not depend on
    --num-envs.
    """

    env: tyro.conf.Positional[str]
    """World, see `telos envs`."""
    out: Path
    """Episode file to write (.h5)."""
    episodes: int = 500
    """Episodes to record."""
    steps: int = 150
    """Steps of an episode, at most."""
    policy: str = "mixed"
    """Behaviour of the world to record; every world has `random`."""
    num_envs: int = 64
    """Environments that step together."""
    options: tuple[str, ...] = ()
    """Options of the world as name=value, for example layout=fixed."""
    append: bool = False
    """Add to an existing file; choose a --seed that is new in it."""
    overwrite: bool = False
    """Replace an existing file."""
    resume: bool = False
    """Record only what is missing in an interrupted or smaller file."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Record, print what was recorded, return it."""
    from telos.data.store import EpisodeFile

    try:
        summary = _collect(command)
    except KeyboardInterrupt:
        _say(command, f"interrupted: continue with --resume ({command.out})")
        raise
    file = EpisodeFile(command.out)
    if not command.common.json:
        _show(summary, file)
    return _as_dict(summary, file)


def _collect(command: Command) -> CollectSummary:
    from telos.collect import collect
    from telos.envs import make_world

    num_envs = min(command.num_envs, command.episodes)
    world = make_world(command.env, num_envs=num_envs, **parse_pairs(command.options))
    try:
        with _progress(command) as bar:
            return collect(
                world,
                world.behaviour(command.policy),
                command.out,
                episodes=command.episodes,
                steps=command.steps,
                seed=command.common.seed,
                append=command.append,
                overwrite=command.overwrite,
                resume=command.resume,
                progress=_listener(bar, command),
            )
    finally:
        world.close()


def _listener(bar: Progress, command: Command) -> Callable[[int, int, int], None]:
    """What `collect` reports to, drawn as a bar over steps."""
    task = bar.add_task(command.policy, total=None, rate="", episodes=0)
    began = time.monotonic()

    def listen(episodes: int, total: int, steps: int) -> None:
        # Episodes that ended early count as if they had made all of their steps.
        done = max(steps, episodes * command.steps)
        rate = f"{steps / max(time.monotonic() - began, 1e-3):,.0f} steps/s"
        whole = total * command.steps
        bar.update(task, completed=done, total=whole, rate=rate, episodes=episodes)

    return listen


def _progress(command: Command) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[episodes]} episodes"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=command.common.quiet or command.common.json,
    )


def _say(command: Command, text: str) -> None:
    if not command.common.json:
        print(text)


def _show(summary: CollectSummary, file: EpisodeFile) -> None:
    from rich.console import Console

    rate = summary.steps / max(summary.seconds, 1e-9)
    found = f" ({summary.found} were there already)" if summary.found else ""
    Console(highlight=False).print(
        f"[bold]{file.path}[/bold]: {file.num_episodes} episodes, "
        f"{file.num_frames:,} frames, {file.path.stat().st_size / 2**20:.1f} MiB\n"
        f"recorded {summary.episodes} episodes{found} in {summary.seconds:.1f} s, "
        f"{rate:,.0f} steps/s, {summary.terminated} ended early\n"
        f"next: telos inspect {file.path}"
    )


def _as_dict(summary: CollectSummary, file: EpisodeFile) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "episodes": file.num_episodes,
        "frames": file.num_frames,
        "bytes": file.path.stat().st_size,
        "digest": file.digest,
        "recorded": summary.episodes,
        "found": summary.found,
        "steps": summary.steps,
        "terminated": summary.terminated,
        "seconds": summary.seconds,
    }
