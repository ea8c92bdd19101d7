"""Which objective learns most by watching, at equal steps, and which collapse?

    python benchmarks/objectives.py                      # as published, hours
    python benchmarks/objectives.py --parts digits slow write --seeds 0
    python benchmarks/objectives.py --tiny               # a look, not a result

All objectives with the same encoder, clips and steps on three recordings: moving
digits, intuitive physics, and two rooms with the actions that led through them. Then
the slow-feature rung: a pattern of pixels that stays against noise that is new in every
frame, with statistics over the batch and within clips. Every part is one call of
`telos compare-objectives`, which goes on where it stopped, in
benchmarks/scratch/objectives; `write` makes results/objectives.json of what there is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results_file import row, write_result
from verbs import collect, telos

from telos.config import load_json
from telos.learning.objectives import OBJECTIVES
from telos.learning.objectives.config import STATISTICAL


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A recording that objectives are compared on."""

    world: str
    steps: int = 19
    options: Sequence[str] = ()


EASY = ("objects=1",)
PARTS: dict[str, dict[str, Recorded]] = {
    "digits": {"digits": Recorded(world="moving-digits")},
    "physics": {"physics": Recorded(world="intuitive-physics", options=EASY)},
    "rooms": {"rooms": Recorded(world="two-rooms", steps=60)},
    "slow": {
        "still": Recorded(world="intuitive-physics", options=(*EASY, "overlay=0.1")),
        "changing": Recorded(world="intuitive-physics", options=(*EASY, "noise=0.15")),
    },
}
"""Part -> recordings by name; each part is a folder of its own."""
WITHIN = [k for k in STATISTICAL if k in ("vicreg", "logdet", "sigreg", "visreg")]
SLOW = [
    *(name for k in [*WITHIN, "infonce"] for name in (k, f"{k}+within-clip")),
    *(k for k in OBJECTIVES if k in ("byol", "jepa-ema", "pixels")),
    "prediction-only",
]
"""Asked of the slow-feature rung."""
COLUMNS = {
    "effective_rank": "of D",
    "within_share": "share",
    "prediction_skill": "share",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything."""

    work: Path
    seeds: Sequence[int]
    episodes: int = 4000
    effort: float = 0.1
    more: Sequence[str] = ()


def main() -> None:
    """Do the parts that were asked for, in order."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = [*PARTS, "write"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--effort", type=float, default=0.1)
    parser.add_argument("--tiny", action="store_true")
    asked = parser.parse_args()
    scratch = Path(__file__).parent / "scratch"
    plan = Plan(work=scratch / "objectives", seeds=asked.seeds, effort=asked.effort)
    if asked.tiny:
        plan = tiny(scratch / "objectives-tiny")
    began = time.monotonic()
    for part in asked.parts:
        if part != "write":
            compared(part, plan)
            continue
        rows = rows_of(plan.work)
        if asked.tiny:
            print(*(f"{one['name']}: {one['value']}" for one in rows), sep="\n")
        else:
            print(write_result("objectives", time.monotonic() - began, rows))


def tiny(work: Path) -> Plan:
    """A few steps of everything."""
    more = ("--clips", "4", "--probed", "12", "--quadruplets", "1")
    return Plan(work=work, seeds=(0,), episodes=60, effort=0.001, more=more)


def compared(part: str, plan: Plan) -> None:
    """One comparison; what is recorded, trained and measured is kept."""
    plan.work.mkdir(parents=True, exist_ok=True)
    files = [recorded(name, one, plan) for name, one in PARTS[part].items()]
    telos(
        "compare-objectives",
        *(str(path) for path in files),
        *("--out", str(plan.work / part), "--effort", str(plan.effort)),
        *("--objectives", *(SLOW if part == "slow" else ["all"])),
        *("--seeds", *(str(seed) for seed in plan.seeds)),
        *plan.more,
    )


def recorded(name: str, one: Recorded, plan: Plan) -> Path:
    """The episode file."""
    options = ["--options", *one.options] if one.options else []
    path = plan.work / f"{name}.h5"
    return collect(one.world, path, plan.episodes, one.steps, *options)


def rows_of(work: Path) -> list[dict[str, Any]]:
    """What stands in the tables that there are."""
    rows = []
    for part in PARTS:
        path = work / part / "comparison.json"
        if path.exists():
            for recording in load_json(path)["sets"]:
                for line in recording["rows"]:
                    rows += lines_of(recording["name"], line)
    return rows


def lines_of(name: str, line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An objective's numbers, with intervals over seeds and its verdicts."""
    told = {
        "reads": (line["reading"], "share"),
        "contrast": (line["surprise"]["mean"], "share"),
        **{key: (line["evidence"][key], unit) for key, unit in COLUMNS.items()},
    }
    said = {
        "verdicts": line["verdicts"],
        "collapsed": line["collapsed"],
        "failed": len(line["failed"]),
        "steps": line["steps"],
        "ms_per_step": line["ms_per_step"],
        "parameters": line["parameters"],
    }
    rows = []
    for key, (value, unit) in told.items():
        if value is not None:
            ends = {end: value[end] for end in ("n", "low", "high")}
            title = f"{name}, {line['variant']}, {key}"
            rows.append(row(title, value["mean"], unit, **ends, **said))
    for probe in line["probes"]:
        if probe["score"] is not None:
            title = f"{name}, {line['variant']}, {probe['label']} by {probe['level']}"
            rows.append(
                row(
                    f"{title}, {probe['kind']}",
                    probe["score"]["mean"],
                    probe["measure"],
                    floor=probe["guess"],
                    **{end: probe["score"][end] for end in ("n", "low", "high")},
                )
            )
    if line["failed"] and not rows:
        rows.append(row(f"{name}, {line['variant']}, failed", 1.0, "share", **said))
    return rows


if __name__ == "__main__":
    main()
