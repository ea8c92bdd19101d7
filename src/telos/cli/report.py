"""telos report: run folders to one page."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path

import tyro

from telos.cli.common import CommonOptions

EXAMPLES = """\
telos report runs/demo --open
telos report runs/demo --out demo.html
telos report runs/demo runs/no-inverse runs/latent-distance --out ablations.html
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Turn run folders into one self-contained HTML page: the verdict with its
    interval, floors and ceiling, films of episodes (failures first), guardrails,
    prediction error, training curves and how to reproduce it all.

    The page loads nothing from the network. Parts that a run does not have yet are
    named, with the command that makes them.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders; several are compared."""

    common: tyro.conf.OmitArgPrefixes[CommonOptions]

    out: Path = Path("report.html")
    """The page; an existing one is replaced."""

    open: bool = False
    """Show it in the default browser."""

    films: int = 8
    """Recorded episodes shown per evaluation, at least 1."""


def run(command: Command) -> dict:
    """Write the page and return where it is, its size and the runs on it."""
    from telos.report import write_report

    if command.films < 1:
        raise ValueError(f"--films must be at least 1, got {command.films}")
    size = write_report(command.runs, command.out, films=command.films)
    address = command.out.resolve().as_uri()
    if not command.common.json and not command.common.quiet:
        from rich.console import Console

        console = Console(highlight=False)
        console.print(f"{command.out} ({size / 1e6:.1f} MB): {address}", soft_wrap=True)
    if command.open:
        webbrowser.open(address)
    return {
        "report": str(command.out),
        "bytes": size,
        "runs": [str(path) for path in command.runs],
    }
