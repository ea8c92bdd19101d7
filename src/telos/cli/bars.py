"""Progress bars on the error stream, one for each thing that has a name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    from telos.learning.distributed import Team
    from telos.learning.loop import Progress


@contextlib.contextmanager
def named_bars(common: CommonOptions) -> Iterator[Callable[[str, int, int], None]]:
    """What is told the name of what runs, how much is done and how much is wanted."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    silent = common.quiet or common.json
    with Bars(console=Console(stderr=True), disable=silent) as bars:
        tasks: dict[str, Any] = {}

        def listen(name: str, done: int, wanted: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=wanted)
            bars.update(tasks[name], completed=done, total=wanted)

        yield listen


@contextlib.contextmanager
def phase_bars(
    common: CommonOptions, team: Team
) -> Iterator[tuple[Callable[[Progress], None], Callable[[str], None]]]:
    """A bar per phase with rate and time left, on the error stream."""
    from rich import progress as bars
    from rich.console import Console

    silent = common.quiet or common.json or not team.leads
    console = Console(stderr=True, quiet=silent, highlight=False, markup=False)
    columns = (
        bars.TextColumn("{task.description:<15}"),
        bars.BarColumn(),
        bars.TextColumn("{task.completed}/{task.total} steps"),
        bars.TextColumn("{task.fields[rate]:,.0f} samples/s"),
        bars.TextColumn("loss {task.fields[loss]:.3f}"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console, disable=silent) as shown:
        tasks: dict[str, Any] = {}

        def listen(at: Progress) -> None:
            if at.phase not in tasks:
                tasks[at.phase] = shown.add_task(
                    at.phase, total=at.num_steps, rate=0.0, loss=0.0
                )
            shown.update(tasks[at.phase], completed=at.step, rate=at.rate, loss=at.loss)

        yield listen, console.print
