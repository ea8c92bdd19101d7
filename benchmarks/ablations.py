"""Does every part earn its place? The agent of the demo, with one part taken out.

    python benchmarks/ablations.py                 # everything
    python benchmarks/ablations.py --effort 0.1    # a look, not a result

Works in benchmarks/scratch/ablations and goes on where it stopped; writes
results/ablations.json. A part has earned its place if the interval without it ends
below the one with it.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from results_file import row, write_result
from verbs import collect, learn

from telos.agent import Deliberation, load_agent
from telos.envs import make_world
from telos.evaluation.actors import AgentActor
from telos.evaluation.evaluate import evaluate
from telos.evaluation.extents import extent_of
from telos.evaluation.protocol import load_protocol

WORK = Path(__file__).parent / "scratch" / "ablations"
DATA_EPISODES, DATA_STEPS = 500, 300
EPISODES, NUM_ENVS = 100, 50
WHOLE = "as shipped"
TRAININGS = {
    WHOLE: (),
    "no anti-collapse term": ("--anti-collapse", "none"),
    "no inverse dynamics": ("--inverse", "0"),
    "shuffled actions": ("--shuffle-actions",),
}
DELIBERATIONS = {
    "latent distance instead of the critic": Deliberation(cost="latent"),
    "no routes": Deliberation(route_every=0),
    "no memory of misses": Deliberation(memory=0),
    "random shooting instead of iCEM": Deliberation(planner="random-shooting"),
}


def main() -> None:
    """Train and evaluate every variant, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effort", type=float, default=1.0)
    effort = parser.parse_args().effort
    started = time.monotonic()
    WORK.mkdir(parents=True, exist_ok=True)
    data = collect("two-rooms", WORK / "rooms.h5", DATA_EPISODES, DATA_STEPS)
    found = {}
    for name, options in TRAININGS.items():
        run = WORK / folder_name(name, effort)
        learn(data, run, "--effort", str(effort), *options)
        found[name] = measured(run, name, Deliberation())
    whole = WORK / folder_name(WHOLE, effort)
    for name, deliberation in DELIBERATIONS.items():
        found[name] = measured(whole, name, deliberation)
    rows = [success_row(name, one, found[WHOLE]) for name, one in found.items()]
    print(write_result("ablations", time.monotonic() - started, rows))


def folder_name(variant: str, effort: float) -> str:
    """Folder of a variant's run."""
    return f"{variant.replace(' ', '-')}-effort-{effort:g}"


def measured(run: Path, variant: str, deliberation: Deliberation) -> dict[str, Any]:
    """The evaluation of a variant, kept beside its run."""
    path = run / "ablations" / f"{variant.replace(' ', '-')}.json"
    if path.exists():
        return json.loads(path.read_text())
    protocol = replace(load_protocol("rooms-random"), episodes=EPISODES)
    options = protocol.world_options
    world = make_world(protocol.world, num_envs=NUM_ENVS, **options)
    parts = load_agent(run, spec=world.spec, deliberation=deliberation)
    result = evaluate(
        world,
        AgentActor(parts, world, guarded=protocol.guarded),
        protocol,
        baselines=variant == WHOLE,
        extent=extent_of(world.spec),
    ).to_json()
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result))
    return result


def success_row(
    name: str, found: dict[str, Any], whole: dict[str, Any]
) -> dict[str, Any]:
    """Success of a variant, which should be below that of the whole."""
    success = found["success"]
    more: dict[str, Any] = {"n": success["n"]}
    more |= {"low": success["low"], "high": success["high"]}
    if name != WHOLE:
        met = success["high"] < whole["success"]["low"]
        more |= {"target": f"below {WHOLE}", "met": met}
    return row(name, success["k"] / success["n"], "share", **more)


if __name__ == "__main__":
    main()
