"""Where decisions are timed: what an agent asks as development episodes begin."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch

from others.episodes import BARE, DEVELOPMENT_SEED, development
from others.question import Effort, Question
from telos.actor import SearchConfig, SearchPlanner
from telos.agent import load_agent
from telos.envs import make_world


class Listening(SearchPlanner):
    """A planner that rests and remembers what it was asked."""

    def look(self, search: Any, seeds: Any, generators: Any) -> None:
        """Evaluate the seeds."""
        self.search = search
        search.evaluate(seeds)


def first_question(run: Path, count: int, effort: Effort) -> Question:
    """What an agent asks at the start of `count` development episodes."""
    listener = Listening(SearchConfig(horizon=effort.horizon))
    protocol = development(count)
    world = make_world(protocol.world, num_envs=count, **protocol.world_options)
    with contextlib.closing(world):
        seeds = list(range(DEVELOPMENT_SEED, DEVELOPMENT_SEED + count))
        seen = world.reset(seeds)
        goal = world.sample_goals(protocol.goal_rule, seeds)
        agent = load_agent(run, deliberation=BARE, planner=listener).build(())
        agent.reset(seeds)
        agent.set_goal(goal.observations)
        agent.act(seen.observations)
    asked = listener.search
    return Question(
        dynamics=asked.dynamics,
        state=asked.state,
        objective=asked.objective,
        init=torch.zeros(count, effort.horizon, asked.action_dim),
    )
