"""Climb the ladder: the same episodes and the same search on every rung."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telos.agent import AgentParts, Deliberation
from telos.config import save_json, to_dict
from telos.envs.world import GoalWorld
from telos.evaluation.actors import POSITION
from telos.evaluation.attribution.diary import Diary
from telos.evaluation.attribution.rung_actor import RungActor
from telos.evaluation.attribution.rungs import (
    Load,
    Rung,
    Workshop,
    require_search,
)
from telos.evaluation.attribution.verdict import Link, hint, links_of, sentence, weakest
from telos.evaluation.baselines import success_rate
from telos.evaluation.episodes import run_episodes
from telos.evaluation.open_loop import LabelReadOut
from telos.evaluation.protocol import Protocol
from telos.evaluation.results import EpisodeResults
from telos.evaluation.summary import rate_json
from telos.runtime import commit, machine

Progress = Callable[[str, int, int], None]
"""Called with the rung that is running, the episodes done and the episodes wanted."""


@dataclass(frozen=True, kw_only=True)
class RungResult:
    """What happened on one rung."""

    rung: Rung
    results: EpisodeResults
    decisions: Mapping[str, Any]
    """See ``Findings.to_json``."""
    open_loop: Mapping[str, Any] | None
    """See ``Diary.look_back``; None with exact dynamics, which never err."""
    seconds: float

    @property
    def successes(self) -> list[bool]:
        """By the rule of the protocol, in the order of the seeds."""
        return [episode.success for episode in self.results.episodes]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.rung.name,
            "title": self.rung.title,
            "dynamics": self.rung.dynamics,
            "cost": self.rung.cost,
            "success": rate_json(success_rate(self.results)),
            "decisions": dict(self.decisions),
            "open_loop": self.open_loop,
            "evaluations": self.results.evaluations,
            "seconds": self.seconds,
            "successes": self.successes,
        }


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """All rungs, and what follows from them."""

    protocol: Protocol
    settings: Deliberation
    rungs: Sequence[RungResult]
    links: Sequence[Link]
    sentence: str
    seconds: float
    command: str

    @property
    def weakest(self) -> str | None:
        """Name of the weakest link; None if no link is distinguishably weak."""
        found = weakest(self.links)
        return None if found is None else found.name

    def to_json(self) -> dict[str, Any]:
        return {
            "protocol": {**to_dict(self.protocol), "hash": self.protocol.hash},
            "settings": to_dict(self.settings),
            "weakest": self.weakest,
            "sentence": self.sentence,
            "links": [link.to_json() for link in self.links],
            "rungs": [result.to_json() for result in self.rungs],
            "machine": machine(),
            "commit": commit(),
            "command": self.command,
            "seconds": self.seconds,
        }

    def save(self, path: str | Path) -> Path:
        """Write the JSON file as a whole."""
        return save_json(path, self.to_json())


def attribute(
    world: GoalWorld,
    load: Load,
    protocol: Protocol,
    settings: Deliberation,
    *,
    progress: Progress | None = None,
    command: str | None = None,
) -> Attribution:
    """Run every rung that the world offers, and say which link is the weakest.

    Args:
        world: Built with the options of the protocol.
        load: Makes the parts of the run's agent that deliberates as told.
        protocol: What counts.
        settings: How the agent deliberates; the search is the same on every rung.
        progress: Called after every batch.
        command: How this was started; the command line of the process by default.

    Raises:
        NotOfferedError: If the planner needs a gradient that exact dynamics lack.
        ValueError: If the budget of the search is a time.
    """
    require_search(settings, world)
    began = time.perf_counter()
    workshop = Workshop(world=world, load=load, settings=settings, protocol=protocol)
    results = [_climb(workshop, rung, progress) for rung in workshop.rungs()]
    successes = {result.rung.name: result.successes for result in results}
    links = links_of([r.rung for r in results], successes, settings.cost)
    verdict = sentence(links, successes, workshop.offers_truth)
    if weakest(links) is None:
        regrets = {result.rung.name: result.decisions["regret"] for result in results}
        verdict += hint(links, regrets, protocol.unit)
    return Attribution(
        protocol=protocol,
        settings=settings,
        rungs=results,
        links=links,
        sentence=verdict,
        seconds=time.perf_counter() - began,
        command=" ".join(["telos", *sys.argv[1:]]) if command is None else command,
    )


def _climb(workshop: Workshop, rung: Rung, progress: Progress | None) -> RungResult:
    """Run the episodes of one rung."""
    began = time.perf_counter()
    parts, protocol = workshop.parts(rung), workshop.protocol
    diary, horizon = None, workshop.settings.horizon
    if rung.dynamics == "learned":
        needed = (parts.model.history - 1 + horizon) * parts.model.frame_skip
        diary = Diary(workshop.world, needed)
    actor = RungActor(
        workshop.world, lambda goal: workshop.cast(rung, goal), protocol.radius, diary
    )
    named = None
    if progress is not None:
        told = progress
        named = lambda done, wanted: told(rung.title, done, wanted)  # noqa: E731
    results = run_episodes(
        workshop.world, actor, protocol, num_traces=0, progress=named
    )
    seen = diary and diary.look_back(parts.model, horizon, _position(parts))
    return RungResult(
        rung=rung,
        results=results,
        decisions=actor.findings.to_json(),
        open_loop=seen,
        seconds=time.perf_counter() - began,
    )


def _position(parts: AgentParts) -> LabelReadOut | None:
    readout = parts.readouts.get(POSITION)
    if readout is None:
        return None
    return LabelReadOut(read=readout, label=POSITION, unit=readout.unit)
