"""A small agent of the floor with two cameras: trained in a minute, then measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tests.learning.worlds import tiny_config

from telos.agent import AgentParts, Deliberation, Goals, load_agent, observed
from telos.collect import collect
from telos.data.store import EpisodeFile
from telos.envs import make_world
from telos.learning import training
from telos.learning.config import (
    CompletionConfig,
    DynamicsConfig,
    RepresentationConfig,
    TrainConfig,
    adapted,
)
from telos.perception import BackboneConfig
from telos.runs import Run
from telos.runtime import choose_runtime
from telos.types import Streams
from telos.world_model import JEPAConfig, PredictorConfig

STREAMS = ("front", "wrist", "proprio")
OPTIONS = {"cameras": True}
SEARCH = Deliberation(
    cost="latent",
    running=0.0,
    horizon=14,
    samples=96,
    iterations=4,
    replan_every=2,
    route_every=0,
    memory=0,
)
"""Where to be at the end of a plan: on the way there is speed, which no goal has."""
Show = Callable[[Streams, Streams], Streams]
"""From the goal and the first observation to what an agent is shown of the goal."""


def record(path: Path, episodes: int, steps: int) -> Path:
    world = make_world("discs", num_envs=10, **OPTIONS)
    collect(world, world.behaviour("mixed"), path, episodes=episodes, steps=steps)
    return path


def config_of(file: EpisodeFile, share: float = 1.0) -> TrainConfig:
    """Small images, small networks, and a share of the usual steps."""
    model = JEPAConfig(
        streams=dict.fromkeys(STREAMS, ()),
        state_dim=12,
        context_dim=2,
        backbone=BackboneConfig(channels=8, width=32, downsample=4),
        predictor=PredictorConfig(kind="residual", width=96, depth=2),
    )
    steps = [max(2, round(share * count)) for count in (600, 300, 800)]
    config = tiny_config(
        steps=2,
        data=str(file.path),
        model=model,
        representation=RepresentationConfig(
            steps=steps[0], episodes=24, windows=2, length=2
        ),
        completion=CompletionConfig(steps=steps[1], batch=64),
        dynamics=DynamicsConfig(steps=steps[2], batch=64, length=4),
        checkpoint_every=1000,
    )
    return adapted(config, file.spec)


def train(path: Path, out: Path, share: float = 1.0) -> Path:
    file = EpisodeFile(path)
    config = config_of(file, share)
    training.train(
        Run.create(out, config), config, file.load(), choose_runtime("cpu", "float32")
    )
    return out


def whole(goal: Streams, seen: Streams) -> Streams:
    """The goal in every stream."""
    return goal


def only(*names: str) -> Show:
    """The goal in some streams."""
    return lambda goal, seen: {name: goal[name] for name in names}


def front_and_black(goal: Streams, seen: Streams) -> Streams:
    """Zeros in the place of what is not known: what a control does."""
    return {n: x if n == "front" else np.zeros_like(x) for n, x in goal.items()}


def front_and_now(goal: Streams, seen: Streams) -> Streams:
    """The other streams as they are at the start."""
    return {n: x if n == "front" else seen[n] for n, x in goal.items()}


def distances(
    parts: AgentParts, show: Show, episodes: int = 24, steps: int = 40
) -> np.ndarray:
    """(E,) metres from the goal after an episode."""
    world = make_world("discs", num_envs=episodes, **OPTIONS)
    seeds = range(90_000, 90_000 + episodes)
    step = world.reset(seeds)
    goal = world.sample_goals("random", seeds)
    agent = parts.build(())
    agent.reset(seeds)
    wish = observed(parts, show(goal.observations, step.observations))
    agent.pursue(Goals(wishes=(wish,)).pursuit(parts))
    for _ in range(steps):
        step = world.step(agent.act(step.observations))
    return world.distance(step.labels, goal)


def small_agent(out: Path) -> AgentParts:
    return load_agent(out, device="cpu", deliberation=SEARCH)
