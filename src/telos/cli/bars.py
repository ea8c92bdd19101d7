"""Progress bars on the error stream, one for each thing that has a name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from telos.cli.common import CommonOptions


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
