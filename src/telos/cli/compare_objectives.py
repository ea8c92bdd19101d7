"""`telos compare-objectives`: which objective learns most from these recordings?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import tyro

from telos.cli.bars import named_bars
from telos.cli.common import CommonOptions
from telos.config import Size

if TYPE_CHECKING:
    from telos.evaluation.comparing import ComparisonPlan
    from telos.perception.backbone import BackboneKind

EXAMPLES = """
telos compare-objectives physics.h5 --out compared
telos compare-objectives digits.h5 physics.h5 --out compared --objectives all
telos compare-objectives physics.h5 --out few --objectives vicreg sigreg pixels
telos compare-objectives physics.h5 --out timed --equal time --seeds 0 1 2 3 4
telos compare-objectives slow.h5 --out slow --objectives vicreg vicreg+within-clip
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Train the same watcher with several objectives and measure all alike.

    The same encoder, clips and steps (or processor time) for all. Held-out clips say
    what probes read of every label of the recording, beside an untrained encoder and
    the time within the clip; clips of intuitive physics also say whether the
    impossible surprises. Goes on where it stopped: what is finished in the folder is
    kept, and the table is of everything in it. Writes comparison.json, comparison.txt
    and comparison.html.
    """

    data: tyro.conf.Positional[tuple[Path, ...]]
    """Episode files from `telos collect`, each with a name of its own."""
    out: Path
    """Folder to make, or to go on in."""
    objectives: tuple[str, ...] = ("vicreg", "sigreg", "jepa-ema", "pixels")
    """Objectives, with +within-clip behind those whose statistics are to be taken
    within clips; prediction-only is the control that collapses; all is all."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the trainings; an interval needs at least two."""
    size: Size = "tiny"
    """tiny (minutes for each training), small or base."""
    effort: float = 1.0
    """Multiplies the steps."""
    equal: Literal["steps", "time"] = "steps"
    """What all have as much of: steps, or processor time, which the steps of the
    objective that is named first take."""
    backbone: str = "patch-conv"
    """Network that looks at frames."""
    stream: str = ""
    """Image stream to watch; the only one by default."""
    clips: int = 32
    """Clips in a batch."""
    length: int = 20
    """Frames of a clip; 1 for images, with --masks."""
    frame_skip: int = 1
    """Recorded steps between two frames of a clip."""
    masks: Literal["none", "blocks", "tubes", "random", "future"] = "none"
    """Predict patches that are hidden, in place of the next frame."""
    no_actions: bool = False
    """Leave out actions that were recorded."""
    held_out: float = 0.2
    """Share of the episodes that no watcher sees, for verdicts and probes."""
    probed: int = 400
    """Held-out clips that probes read, at most."""
    quadruplets: int = 24
    """Of each concept of intuitive physics, to be surprised by; 0 for none."""
    dtype: str = "auto"
    """auto, float32 or bfloat16."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Compare, write the page and print the table."""
    from telos.evaluation.comparing import (
        ComparisonFolder,
        chosen_variants,
        compare,
        table_lines,
    )
    from telos.evaluation.comparing.whole import Listeners
    from telos.learning.loop import Interrupted
    from telos.report import write_objectives
    from telos.runtime import choose_runtime

    plan = plan_of(command)
    variants = chosen_variants(command.objectives, masked=plan.masked)
    runtime = choose_runtime(command.common.device, command.dtype)
    folder = ComparisonFolder(command.out)
    with named_bars(command.common) as show:
        told = Listeners(
            listen=lambda name, at: show(name, at.step, at.num_steps),
            say=_say(command.common),
        )
        try:
            table = compare(
                folder, plan, command.data, variants, command.seeds, runtime, told
            )
        except Interrupted as stop:
            told.say(f"{stop}. The same command goes on.")
            raise KeyboardInterrupt from None
    page = command.out / "comparison.html"
    write_objectives(table, page)
    if not command.common.json:
        print("\n".join(table_lines(table)))
        print(f"page  {page}")
    return {"folder": str(command.out), "page": str(page), **table}


def plan_of(command: Command) -> ComparisonPlan:
    """What all trainings have in common."""
    from telos.evaluation.comparing import ComparisonPlan

    return ComparisonPlan(
        size=command.size,
        effort=command.effort,
        equal=command.equal,
        # Other words are refused with the rest of the configuration.
        backbone=cast("BackboneKind", command.backbone),
        stream=command.stream,
        clips=command.clips,
        length=command.length,
        frame_skip=command.frame_skip,
        masks=command.masks,
        no_actions=command.no_actions,
        held_out=command.held_out,
        probed=command.probed,
        quadruplets=command.quadruplets,
        seed=command.common.seed,
    )


def _say(common: CommonOptions):
    from rich.console import Console

    silent = common.quiet or common.json
    return Console(stderr=True, quiet=silent, highlight=False, markup=False).print
