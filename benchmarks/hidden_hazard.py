"""How many futures must a plan face? A hazard that is seen too late, exact dynamics.

    python benchmarks/hidden_hazard.py                # 299 episodes for each number
    python benchmarks/hidden_hazard.py --episodes 32  # a look, not a result

Writes results/hidden_hazard.json. The hazard lies in the way with probability p. A
planner that faces K futures, drawn from that prior, overlooks it where none of them has
it there, and then cannot evade any more: theory says that p (1 - p)^K of the episodes
are violated. 299 episodes without a violation bound the true rate by 1 %.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

from results_file import row, write_result

from telos.envs import GoalWorld, make_world
from telos.evaluation.episodes import run_episodes
from telos.evaluation.exact import ExactActor, search_of
from telos.evaluation.protocol import Protocol, load_protocol
from telos.evaluation.results import EpisodeResults
from telos.evaluation.statistics import wilson
from telos.evaluation.summary import triple
from telos.runtime import choose_runtime

EPISODES = 299
FUTURES = (1, 2, 4, 8, 16)
BATCH = 32


def measured(world: GoalWorld, protocol: Protocol, futures: int) -> EpisodeResults:
    """The ceiling's planner, facing a number of futures."""
    search = replace(search_of(world.spec), futures=futures)
    actor = ExactActor(world, guarded=protocol.guarded, config=search)
    return run_episodes(world, actor, protocol, num_traces=0)


def rows_of(
    results: EpisodeResults, futures: int, theory: float
) -> list[dict[str, Any]]:
    """Violations beside theory, and safe successes."""
    counted, n = triple(results), len(results.episodes)
    violated = wilson(counted["violation"], n)
    safe = wilson(counted["safe_success"], n)
    print(f"K = {futures}: violated {violated}, theory {theory:.2%}", flush=True)
    return [
        row(
            f"violated, K = {futures}",
            violated.value,
            "share",
            n=n,
            low=violated.low,
            high=violated.high,
            target=f"{100 * theory:.3g} % (theory)",
            met=violated.low <= theory <= violated.high,
        ),
        row(
            f"safe success, K = {futures}",
            safe.value,
            "share",
            n=n,
            low=safe.low,
            high=safe.high,
        ),
    ]


def main() -> None:
    """Measure every number of futures on the same episodes, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=EPISODES)
    choose_runtime()
    began, rows = time.monotonic(), []
    episodes = parser.parse_args().episodes
    protocol = load_protocol("hidden-hazard").with_episodes(episodes)
    world = make_world(protocol.world, num_envs=BATCH, **protocol.world_options)
    p = world.spec.options["probability"]
    for futures in FUTURES:
        results = measured(world, protocol, futures)
        rows += rows_of(results, futures, theory=p * (1 - p) ** futures)
    print(write_result("hidden_hazard", time.monotonic() - began, rows))


if __name__ == "__main__":
    main()
