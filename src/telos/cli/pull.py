"""`telos pull`: a published run, checked, as a run folder."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from telos.cli.common import CommonOptions

EXAMPLES = """
telos pull published/rooms --out runs/rooms
telos pull hub:me/rooms --out runs/rooms
telos pull hub:me/rooms --out runs/rooms --digest 0f1e...
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Fetch a published run; names, sizes and digests are checked before it is kept."""

    source: tyro.conf.Positional[str]
    """A folder, or hub:owner/name (needs telos[hub])."""
    out: Path
    """Run folder to be made."""
    digest: str | None = None
    """What `telos push` printed: then this run and no other is taken."""
    overwrite: bool = False
    """Replace the run that is there."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Fetch, check, keep; print what can be done with it."""
    from telos.report.card import pretrained_weights
    from telos.runs import Run
    from telos.runs.hub import fetch, repository
    from telos.runs.parcel import fetch_checked, in_place_of, unpack

    name = repository(command.source)
    with in_place_of(command.out, command.overwrite) as folder:
        if name is None:
            unpack(Path(command.source), folder, command.digest)
        else:
            with tempfile.TemporaryDirectory() as scratch:
                there = fetch_checked(
                    partial(fetch, name, Path(scratch)), command.digest
                )
                unpack(there, folder, command.digest)
    needed = pretrained_weights(Run.open(command.out).config_dict())
    if not command.common.json:
        print(f"run {command.out}\nits card: {command.out / 'README.md'}")
        if needed:
            print(
                f"it needs the pretrained weights {needed}; where they lie elsewhere, "
                "name their folder in TELOS_PRETRAINED"
            )
    result = {"run": str(command.out)}
    return {**result, "needs": needed} if needed else result
