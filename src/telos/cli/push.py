"""`telos push`: a finished run with its model card, to a folder or to the hub."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from telos.cli.common import CommonOptions

EXAMPLES = """
telos push runs/rooms published/rooms --licence apache-2.0
telos push runs/rooms hub:me/rooms --licence apache-2.0
telos push runs/arm published/arm --licence cc-by-4.0 --about about.md --overwrite
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Publish a run: weights (safetensors), configuration, results, calibration, card.

    Configuration and results are published as they were recorded, paths and command
    lines included. Checkpoints, films and episodes stay where they are.
    """

    run: tyro.conf.Positional[Path]
    """Run folder with a finished model."""
    destination: tyro.conf.Positional[str]
    """A folder, or hub:owner/name (a repository that exists; needs telos[hub])."""
    licence: str
    """Under which others may use it, as an SPDX identifier, for example apache-2.0."""
    about: Path | None = None
    """A text (Markdown) that becomes the first section of the card."""
    overwrite: bool = False
    """Replace what is published there."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Pack and publish, print where and under which digest."""
    from telos.report.card import model_card, pretrained_weights
    from telos.runs import Run
    from telos.runs.hub import repository
    from telos.runs.parcel import in_place_of, pack

    source, name = Run.open(command.run), repository(command.destination)
    about = command.about.read_text(encoding="utf-8") if command.about else ""
    card = model_card(command.run, licence=command.licence, about=about)
    if name is None:
        with in_place_of(Path(command.destination), command.overwrite) as folder:
            digest = pack(source, card, folder)
    else:
        digest = _to_hub(command, source, name, card)
    needed = pretrained_weights(source.config_dict())
    if not command.common.json:
        print(f"published {command.destination}\ndigest {digest}")
        if needed:
            print(f"it does not contain the pretrained weights {needed}")
    result = {"destination": command.destination, "digest": digest}
    return {**result, "needs": needed} if needed else result


def _to_hub(command: Command, source: Any, name: str, card: str) -> str:
    from telos.runs.hub import fetch, upload
    from telos.runs.parcel import MANIFEST, pack

    with tempfile.TemporaryDirectory() as scratch:
        there, folder = Path(scratch, "there"), Path(scratch, "parcel")
        if not command.overwrite:
            there.mkdir()
            fetch(name, there, [MANIFEST])
            if (there / MANIFEST).exists():
                raise FileExistsError(
                    f"{command.destination} already holds a run; choose another "
                    "repository, or replace it with --overwrite."
                )
        folder.mkdir()
        digest = pack(source, card, folder)
        upload(name, folder)
    return digest
