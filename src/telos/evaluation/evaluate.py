"""Measure an actor by a protocol, with what makes the number worth printing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from telos.config import jsonable, save_json, to_dict
from telos.envs.world import GoalWorld
from telos.evaluation.baselines import (
    Baseline,
    run_ceiling,
    run_floors,
    success_rate,
)
from telos.evaluation.episodes import run_episodes
from telos.evaluation.probes import LabelProbes
from telos.evaluation.protocol import Protocol
from telos.evaluation.records import write_records
from telos.evaluation.results import Actor, EpisodeResults
from telos.evaluation.statistics import Rate
from telos.evaluation.summary import rate_json, summarise
from telos.evaluation.traces import save_traces
from telos.runtime import commit, machine

Progress = Callable[[str, int, int], None]
"""Called with what is running, the episodes done and the episodes wanted."""

CEILING_EPISODES = 50
"""Exact planning is slow; the interval of the ceiling says what that costs."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A measured actor: results, floors, ceiling, and how to reproduce them."""

    protocol: Protocol
    results: EpisodeResults
    floors: Mapping[str, Baseline]
    ceiling: Baseline | None
    seconds: float
    command: str
    machine: Mapping[str, Any]
    commit: str
    extent: tuple[float, float, float, float] | None
    """x and y range of the image in world units; None if positions are not drawn."""
    open_loop: Mapping[str, Any] | None = None
    """See ``open_loop.open_loop``."""
    probes: Mapping[str, LabelProbes] = field(default_factory=dict)
    """By label, see ``probes.probe_label``."""

    @property
    def success(self) -> Rate:
        """Successes by the rule of the protocol."""
        return success_rate(self.results)

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures."""
        return {
            "protocol": {**to_dict(self.protocol), "hash": self.protocol.hash},
            **summarise(self.results),
            "floors": {n: _baseline_json(b) for n, b in self.floors.items()},
            "ceiling": _ceiling_json(self.ceiling),
            "open_loop": self.open_loop,
            "probes": to_dict(self.probes),
            "machine": dict(self.machine),
            "commit": self.commit,
            "command": self.command,
            "seconds": self.seconds,
            "episodes": [jsonable(episode) for episode in self.results.episodes],
        }

    def save(self, folder: str | Path) -> Path:
        """Write ``evaluation.json`` and what goes with it; return the JSON's path.

        ``traces.npz`` holds pictures of a few episodes, ``decisions.csv`` what was
        decided in all of them.
        """
        folder = Path(folder)
        if self.results.records:
            write_records(folder / "decisions.csv", self.results.records)
        if self.results.traces:
            save_traces(folder / "traces.npz", self.results.traces, self.extent)
        return save_json(folder / "evaluation.json", self.to_json())

    def with_model(
        self,
        open_loop: Mapping[str, Any] | None,
        probes: Mapping[str, LabelProbes],
    ) -> Evaluation:
        """The same evaluation with what was measured on the model alone."""
        return replace(self, open_loop=open_loop, probes=probes)


def evaluate(
    world: GoalWorld,
    actor: Actor,
    protocol: Protocol,
    *,
    baselines: bool = True,
    num_traces: int = 8,
    command: str | None = None,
    extent: Sequence[float] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Run the episodes of a protocol, and the floors and the ceiling on the same ones.

    Args:
        world: Built with the options of the protocol.
        actor: What is measured.
        protocol: What counts.
        baselines: Whether to run floors and ceiling too.
        num_traces: Of how many episodes to keep pictures.
        command: How this was started; the command line of the process by default.
        extent: x and y range of the image in world units.
        progress: Called after every batch.
    """
    _check(world, protocol)
    began = time.perf_counter()
    results = run_episodes(
        world,
        actor,
        protocol,
        num_traces=num_traces,
        progress=_named(progress, "agent"),
    )
    floors, ceiling = {}, None
    if baselines:
        floors = run_floors(world, protocol, _named(progress, "floors"))
        fewer = protocol.with_episodes(min(protocol.episodes, CEILING_EPISODES))
        ceiling = run_ceiling(world, fewer, _named(progress, "ceiling"))
    return Evaluation(
        protocol=protocol,
        results=results,
        floors=floors,
        ceiling=ceiling,
        seconds=time.perf_counter() - began,
        command=" ".join(["telos", *sys.argv[1:]]) if command is None else command,
        machine=machine(),
        commit=commit(),
        extent=None if extent is None else tuple(float(v) for v in extent),  # type: ignore[arg-type]
    )


def _ceiling_json(ceiling: Baseline | None) -> dict[str, Any] | None:
    if ceiling is None:
        return None
    return {**_baseline_json(ceiling), "name": ceiling.name}


def _baseline_json(baseline: Baseline) -> dict[str, Any]:
    return {
        **rate_json(baseline.success),
        "violations": baseline.violations,
        "safe_success": baseline.safe,
    }


def _check(world: GoalWorld, protocol: Protocol) -> None:
    if protocol.goal_rule not in world.goal_rules:
        raise ValueError(
            f"protocol {protocol.name!r} wants goal rule {protocol.goal_rule!r}, but "
            f"{world.spec.id!r} offers {', '.join(world.goal_rules)}"
        )


def _named(progress: Progress | None, name: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, wanted: progress(name, done, wanted)
