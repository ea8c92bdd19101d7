"""What makes gradients through a learned model useful: training, or the cost?

    python benchmarks/gradients.py                 # as published
    python benchmarks/gradients.py --episodes 20   # a look, not a result

Trains two rooms plainly, with straightened representations and with noisy latents, and
lets a search and a descent plan in each, towards the critic's distance and towards the
squared latent distance, by the number of rollouts a decision. No routes: plans alone
have to find the door. Works in benchmarks/scratch/gradients and goes on where it
stopped; writes results/gradients.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from results_file import row, write_result
from verbs import collect, learn, telos

from telos.evaluation.protocol import load_protocol

WORK = Path(__file__).parent / "scratch" / "gradients"
DATA_EPISODES, DATA_STEPS = 500, 300
STEPS, NUM_ENVS = 120, 50
VARIANTS = {
    "plain": (),
    "straightness 0.1": ("--straightness", "0.1"),
    "straightness 1": ("--straightness", "1"),
    "latent noise 0.1": ("--latent-noise", "0.1"),
}


@dataclass(frozen=True, kw_only=True)
class Plans:
    """One planner at one budget."""

    planner: str
    samples: int
    iterations: int

    @property
    def rollouts(self) -> int:
        return self.samples * self.iterations


AGENTS = (
    Plans(planner="icem", samples=40, iterations=3),
    Plans(planner="icem", samples=8, iterations=3),
    Plans(planner="gradient", samples=4, iterations=6),
    Plans(planner="gradient", samples=2, iterations=4),
)
COSTS = ("critic", "latent")


def main() -> None:
    """Train every variant, let every agent act in it, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=100)
    episodes = parser.parse_args().episodes
    WORK.mkdir(parents=True, exist_ok=True)
    data = collect("two-rooms", WORK / "rooms.h5", DATA_EPISODES, DATA_STEPS)
    protocol = protocol_file(episodes)
    rows, seconds = [], 0.0
    for name, options in VARIANTS.items():
        run = learn(data, WORK / name.replace(" ", "-"), *options)
        for cost in COSTS:
            for plans in AGENTS:
                found = acted(run, protocol, plans, cost)
                seconds += found["seconds"]
                rows.append(success_row(name, cost, plans, found))
                print(rows[-1]["name"], rows[-1]["value"], flush=True)
    print(write_result("gradients", seconds, rows))


def protocol_file(episodes: int) -> Path:
    """Cross-room goals, without the time spent at the goal."""
    spec = replace(
        load_protocol("rooms-random"),
        name="rooms-gradients",
        episodes=episodes,
        budget=STEPS,
    )
    return spec.save(WORK / "rooms-gradients.json")


def acted(run: Path, protocol: Path, plans: Plans, cost: str) -> dict[str, Any]:
    """The evaluation of a run with an agent; measured once."""
    settings = sorted(
        [
            f"cost={cost}",
            f"iterations={plans.iterations}",
            f"planner={plans.planner}",
            f"samples={plans.samples}",
            "route_every=0",
        ]
    )
    suffix = "".join(f"-{setting.replace('=', '-')}" for setting in settings)
    path = run / "evaluations" / f"{protocol.stem}{suffix}" / "evaluation.json"
    if not path.exists():
        order = ("evaluate", str(run), "--protocol", str(protocol), "--quiet")
        more = ("--num-envs", str(NUM_ENVS), "--no-baselines", "--agent", *settings)
        telos(*order, *more)
    return json.loads(path.read_text())


def success_row(
    variant: str, cost: str, plans: Plans, found: dict[str, Any]
) -> dict[str, Any]:
    """Success of one agent in one model with its interval."""
    rate = found["success"]
    title = f"{variant}, {cost}, {plans.planner} with {plans.rollouts} rollouts"
    return row(
        title, rate["value"], "share", n=rate["n"], low=rate["low"], high=rate["high"]
    )


if __name__ == "__main__":
    main()
