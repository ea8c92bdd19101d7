"""How far does one recipe come on the field's tasks, and after a change of looks?

    python benchmarks/tasks.py                          # all five, as published
    python benchmarks/tasks.py --tasks reacher          # one; the others as they stand
    python benchmarks/tasks.py --effort 0.1             # a look, not a result

Five tasks from pixels, each with 300 episodes whose starts no recording holds, then the
same 300 episodes with three factors of variation changed that training never saw. Works
in benchmarks/scratch/tasks and goes on where it stopped; writes results/tasks.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results_file import row, write_result
from verbs import collect, evaluate, learn, trained_seconds

WORK = Path(__file__).parent / "scratch" / "tasks"
EPISODES, NUM_ENVS = 300, 50
KEPT = 0.8
"""Share of its success that an agent should keep when looks change."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """How a task is recorded, learned and measured."""

    world: str
    protocol: str
    shifted: str
    """The same under other looks; states have none."""
    episodes: int
    steps: int
    record: tuple[str, ...] = ()
    """Options of the recorded world."""
    learn: tuple[str, ...] = ("--streams", "pixels", "--history", "3")
    effort: float = 1.0
    search: tuple[str, ...] = ()
    """How the agent searches where not as usual, chosen on development seeds."""
    anchor: float | None = None
    """The best published success that we know of, by a protocol that is not ours."""


Ends = tuple[int | list[int], int | list[int]]
"""Darkest and brightest of a colour, RGB or all three alike."""


def looks(floor: Ends, agent: Ends) -> str:
    """The option that draws colours and the agent's size anew for every episode."""
    ends = {"floor_colour": floor, "agent_colour": agent, "agent_size": (0.7, 1.4)}
    ranges = {name: {"low": low, "high": high} for name, (low, high) in ends.items()}
    return f"factors={json.dumps(ranges, separators=(',', ':'))}"


TASKS: Mapping[str, Task] = {
    "two rooms": Task(
        world="two-rooms",
        protocol="rooms-random",
        shifted="rooms-random-shifted",
        episodes=660,
        steps=300,
        learn=(),
    ),
    "two rooms varied looks": Task(
        world="two-rooms",
        protocol="rooms-random",
        shifted="rooms-random-shifted",
        episodes=660,
        steps=300,
        record=(looks(floor=(160, 255), agent=([0, 0, 0], [225, 110, 225])),),
        learn=(),
        effort=4.0,
    ),
    "umaze": Task(
        world="point-maze",
        protocol="umaze",
        shifted="umaze-shifted",
        episodes=400,
        steps=100,
        record=("action_repeat=5",),
        anchor=0.987,
    ),
    "umaze varied looks": Task(
        world="point-maze",
        protocol="umaze",
        shifted="umaze-shifted",
        episodes=400,
        steps=100,
        record=(
            "action_repeat=5",
            looks(floor=(20, 90), agent=([60, 130, 30], [220, 230, 110])),
        ),
        effort=1.3,
    ),
    "medium maze": Task(
        world="point-maze",
        protocol="maze-medium",
        shifted="maze-medium-shifted",
        episodes=600,
        steps=200,
        record=("maze=medium", "drawing=flat", "action_repeat=5"),
        anchor=0.993,
    ),
    "reacher": Task(
        world="reacher",
        protocol="reacher",
        shifted="reacher-shifted",
        episodes=600,
        steps=100,
        search=("planner=hybrid", "iterations=6", "horizon=6"),
        anchor=0.86,
    ),
    "reacher from state": Task(
        world="reacher",
        protocol="reacher",
        shifted="",
        episodes=600,
        steps=100,
        learn=("--streams", "state"),
        search=("planner=hybrid", "iterations=6", "horizon=6"),
    ),
    "push-t": Task(
        world="push-t",
        protocol="push-t-25",
        shifted="push-t-25-shifted",
        episodes=2000,
        steps=100,
        record=("start=underway",),
        learn=("--streams", "pixels", "--history", "2"),
        effort=2.0,
        anchor=0.96,
    ),
    "push-t from state": Task(
        world="push-t",
        protocol="push-t-25",
        shifted="",
        episodes=2000,
        steps=100,
        record=("start=underway",),
        learn=("--streams", "state"),
    ),
}


def main() -> None:
    """Record, train and evaluate every task, then write the table."""
    options = arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    seconds, rows = 0.0, []
    for name, task in TASKS.items():
        run = run_of(name, options)
        if name in options.tasks:
            train(task, run, options)
        if (run / "model.safetensors").exists():
            found = measure(task, run)
            rows += task_rows(name, task, run, found)
            seconds += trained_seconds(run) + sum(one["seconds"] for one in found)
    print(write_result("tasks", seconds, rows))


def arguments() -> argparse.Namespace:
    """Tasks, seed and effort."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def run_of(name: str, options: argparse.Namespace) -> Path:
    """The run folder of a task."""
    folder = f"{name.replace(' ', '-')}-seed-{options.seed}-effort-{options.effort:g}"
    return WORK / folder


def train(task: Task, run: Path, options: argparse.Namespace) -> None:
    """Record a task and train on it, what is missing of both."""
    kind = run.name.split("-seed-")[0].removesuffix("-from-state")
    data = run.parent / f"{kind}.h5"
    record = ("--options", *task.record) if task.record else ()
    if not (run / "model.safetensors").exists():
        collect(task.world, data, task.episodes, task.steps, *record)
    effort = ("--effort", str(task.effort * options.effort))
    learn(data, run, *effort, "--seed", str(options.seed), *task.learn)


def measure(task: Task, run: Path) -> list[dict[str, Any]]:
    """Evaluations of a run: as it was trained, and after the change of looks if any."""
    protocols = [name for name in (task.protocol, task.shifted) if name]
    return [
        evaluate(run, name, NUM_ENVS, episodes=EPISODES, agent=task.search)
        for name in protocols
    ]


def task_rows(
    name: str, task: Task, run: Path, found: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Success, success after the shift, and what both cost."""
    usual, *shifted = found
    rate = 1000 / usual["decisions"]["ms_mean"]
    return [
        success_row(name, usual, task.anchor),
        *(line for after in shifted for line in shift_rows(name, usual, after)),
        row(f"{name}, training", trained_seconds(run) / 60, "min"),
        row(f"{name}, decisions, {NUM_ENVS} side by side", rate, "1/s"),
    ]


def shift_rows(
    name: str, usual: Mapping[str, Any], after: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Success under other looks, and which share of it is left."""
    before = share(usual)
    kept = share(after) / before if before else 0.0
    target = f">= {100 * KEPT:g} %"
    name = f"{name}, other looks"
    return [
        success_row(name, after, None),
        row(f"{name}, kept", kept, "share", target=target, met=kept >= KEPT),
    ]


def success_row(
    name: str, evaluation: Mapping[str, Any], anchor: float | None
) -> dict[str, Any]:
    """Success beside floor and ceiling, and what others published."""
    found, success = evaluation["ceiling"], evaluation["success"]
    return row(
        name,
        share(evaluation),
        "share",
        n=success["n"],
        low=success["low"],
        high=success["high"],
        floor=max(f["k"] / f["n"] for f in evaluation["floors"].values()),
        ceiling=found["k"] / found["n"] if found else None,
        target=None if anchor is None else f">= {100 * anchor:g} % (published)",
        met=None if anchor is None else share(evaluation) >= anchor,
    )


def share(evaluation: Mapping[str, Any]) -> float:
    """Success of one evaluation in [0, 1]."""
    return evaluation["success"]["k"] / evaluation["success"]["n"]


if __name__ == "__main__":
    main()
