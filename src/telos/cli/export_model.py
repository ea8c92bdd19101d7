"""`telos export-model`: a run as programs that torch alone can run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from telos.cli.common import CommonOptions

EXAMPLES = """
telos export-model runs/rooms --out exported/rooms
telos export-model runs/rooms --out exported/rooms --horizon 20 --overwrite
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Write encode, predict, rollout, critic and read-outs as .pt2 files with a
    manifest. Each is checked against the model before anything takes its place."""

    run: tyro.conf.Positional[Path]
    """Run folder with a finished model."""
    out: Path
    """Folder to be made."""
    horizon: int = 10
    """Model steps of the exported rollout."""
    overwrite: bool = False
    """Replace an export that is there."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Export, print what came out and how exact it is, return the manifest."""
    from telos.agent import load_agent
    from telos.agent.export import export_model
    from telos.runs.parcel import in_place_of

    if command.horizon < 1:
        raise ValueError(f"horizon is {command.horizon}; expected at least 1 step")
    if (command.out / "env.json").exists():
        raise FileExistsError(
            f"{str(command.out)!r} holds a run; an export never replaces one. Choose "
            "another folder."
        )
    parts = load_agent(command.run, device="cpu")
    with in_place_of(command.out, command.overwrite) as folder:
        manifest = export_model(parts, folder, horizon=command.horizon)
    if not command.common.json:
        for name, program in manifest["programs"].items():
            error = program["largest_relative_error"]
            print(f"{name:<20} {program['output']}  (within {error:.1e})")
        print(f"written {command.out}")
    return manifest
