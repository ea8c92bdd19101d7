"""What the verbs that train have in common: `telos train` and `telos watch`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    from telos.data.store import EpisodeFile
    from telos.learning.distributed import Team
    from telos.runs import Run

C = TypeVar("C", bound="Config")


class Config(Protocol):
    """Configuration of a training."""

    @property
    def data(self) -> str:
        """Path of the episode file."""
        ...


class Plan(Protocol):
    """What a training would do."""

    def lines(self) -> list[str]:
        """For people."""
        ...

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        ...


Resolved = tuple["Run", C, "EpisodeFile"]


def agreed(
    resolve: Callable[[], Resolved[C]], kind: type[C], data: Path | None, team: Team
) -> Resolved[C]:
    """What all processes work on; the leading one alone makes or checks it.

    Args:
        resolve: Makes a run folder, or checks the one that is resumed.
        kind: Of its configuration.
        data: Episode file, if another one than the configuration says.
        team: The processes that train together.
    """
    from telos.data.store import EpisodeFile
    from telos.runs import Run

    if team.size == 1:
        return resolve()
    folder = Run.open(team.led(lambda: resolve()[0].path))
    config = folder.config(kind)
    return folder, config, EpisodeFile(data or Path(config.data))


@contextlib.contextmanager
def resumable(
    folder: Run, verb: str, team: Team, say: Callable[[str], None]
) -> Iterator[None]:
    """Say how an interrupted training goes on, and end as after Ctrl-C."""
    from telos.learning.loop import Interrupted

    try:
        yield
    except Interrupted as stop:
        say(f"{stop}. Go on with: {team.launcher} {verb} --resume {folder.path}")
        raise KeyboardInterrupt from None


def refuse_teams(team: Team) -> None:
    """A dry run times one process.

    Raises:
        ValueError: If there are several.
    """
    if team.size > 1:
        raise ValueError("a dry run needs one process; start it without torchrun")


def foretold(plan: Plan, common: CommonOptions) -> dict[str, Any]:
    """Say what a training would do."""
    say_lines(plan.lines(), common)
    return plan.to_json()


def verdicts_of(folder: Run) -> dict[str, Any]:
    """What a finished training was found to be, by what it is about."""
    from telos.config import load_json

    said = load_json(folder.path / "diagnostics.json")
    return {verdict["about"]: verdict for verdict in said}


def verdict_lines(verdicts: dict[str, Any]) -> list[str]:
    """The same for people."""
    return [
        f"{about:<16} {verdict['name']}: {verdict['text']}"
        for about, verdict in verdicts.items()
    ]


def say_lines(lines: list[str], common: CommonOptions) -> None:
    """Print lines for people, unless a program listens."""
    from rich.console import Console

    if common.json:
        return
    console = Console(highlight=False, markup=False)
    for line in lines:
        console.print(line, soft_wrap=True)
