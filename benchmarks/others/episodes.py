"""Success of a planner in closed loop; all but the search is the same for all."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from telos.agent import Deliberation, load_agent
from telos.envs import make_world
from telos.evaluation.actors import AgentActor
from telos.evaluation.baselines import success_rate
from telos.evaluation.episodes import run_episodes
from telos.evaluation.protocol import Protocol, load_protocol
from telos.evaluation.statistics import Rate
from telos.types import Planner

PROTOCOL = "rooms-random"
DEVELOPMENT_SEED = 5_000_000
"""Settings are chosen on episodes from here on, which no protocol uses."""
BARE = Deliberation(route_every=0, memory=0)
"""No routes and no memory: the search is the only difference."""
WHOLE = Deliberation()
"""As the agent comes."""


def development(episodes: int) -> Protocol:
    """The same task on other layouts, starts and goals."""
    protocol = load_protocol(PROTOCOL)
    return replace(protocol, first_seed=DEVELOPMENT_SEED, episodes=episodes)


def success(
    run: Path, planner: Planner, protocol: Protocol, deliberation: Deliberation = BARE
) -> Rate:
    """How often the goal was reached, by the rule of the protocol."""
    num_envs = min(50, protocol.episodes)
    world = make_world(protocol.world, num_envs=num_envs, **protocol.world_options)
    with contextlib.closing(world):
        parts = load_agent(
            run, spec=world.spec, deliberation=deliberation, planner=planner
        )
        actor = AgentActor(parts, world)
        return success_rate(run_episodes(world, actor, protocol, num_traces=0))
