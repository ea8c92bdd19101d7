"""Learn from pixels, then act towards a goal image: every stage, hardly any training.

With the default effort this takes seconds and the agent is bad: it shows how the parts
meet. `python examples/03_train_and_plan.py 1.0` trains as `telos train` does, but still
on few episodes; `make demo` does it properly.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from telos.agent import load_agent
from telos.collect import collect
from telos.config import load_json
from telos.data import EpisodeFile
from telos.envs import make_world
from telos.learning.config import adapted
from telos.learning.recipes import recipe
from telos.learning.training import train
from telos.runs import Run
from telos.runtime import choose_runtime

EPISODES, STEPS = 64, 40


def record(path: Path) -> EpisodeFile:
    """Scripted walks in random layouts of the training split."""
    world = make_world("two-rooms", num_envs=32, split="train")
    collect(world, world.behaviour("mixed"), path, episodes=EPISODES, steps=STEPS)
    world.close()
    return EpisodeFile(path)


def learn(file: EpisodeFile, folder: Path, effort: float) -> Run:
    """World model, critic and read-outs into a run folder."""
    base = replace(recipe("tiny", effort), data=str(file.path), data_digest=file.digest)
    config = adapted(base, file.spec)
    run = Run.create(folder, config)
    train(run, config, file.load(), choose_runtime("cpu"), say=print)
    return run


def act(run: Run, steps: int = 20) -> tuple[float, float]:
    """Mean distance to the goal before and after, in layouts never seen, pixels."""
    world = make_world("two-rooms", num_envs=4, split="test")
    seeds = list(range(1_000_000, 1_000_004))
    step = world.reset(seeds)
    goal = world.sample_goals("cross", seeds)
    before = world.path_length(step.labels, goal).mean()

    agent = load_agent(run.path, spec=world.spec, device="cpu").build(())
    agent.reset(seeds)
    agent.set_goal(goal.observations)
    for _ in range(steps):
        step = world.step(agent.act(step.observations))
    after = world.path_length(step.labels, goal).mean()
    print(f"last plan: {agent.plan.evaluations} imagined steps, {agent.plan.status}")
    world.close()
    return float(before), float(after)


def main(folder: Path, effort: float = 0.003) -> None:
    """Record, learn, act."""
    run = learn(record(folder / "rooms.h5"), folder / "run", effort)
    verdict = load_json(run.path / "diagnostics.json")[-1]
    print(f"representation: {verdict['name']} ({verdict['text']})")
    before, after = act(run)
    print(f"shortest way to the goal: {before:.1f} px before, {after:.1f} px after")


if __name__ == "__main__":
    chosen = float(sys.argv[1]) if len(sys.argv) > 1 else 0.003
    main(Path(tempfile.mkdtemp()), chosen)
