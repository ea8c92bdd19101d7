"""The log of one batch of running episodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from telos.envs.world import Goal, GoalWorld, Step
from telos.evaluation.protocol import Protocol
from telos.evaluation.records import Record
from telos.evaluation.results import Decision, EpisodeResult, Gate, Trace
from telos.types import Streams

POSITION = "position"
"""The label that is drawn into pictures."""


class BatchLog:
    """Collects the steps of B episodes, then says what each came to.

    Environments that have terminated stay in the batch but are no longer counted.
    """

    def __init__(
        self,
        world: GoalWorld,
        protocol: Protocol,
        seeds: Sequence[int],
        start: Step,
        goal: Goal,
    ) -> None:
        self.protocol, self.seeds, self.goal = protocol, tuple(seeds), goal
        self._world = world
        self._layouts, self._limits = world.layout(), world.limits()
        self._shortest = np.asarray(world.path_length(start.labels, goal))
        self._alive = ~np.asarray(start.terminated, dtype=bool)
        self._distances = [np.asarray(world.distance(start.labels, goal))]
        self._margins: list[np.ndarray] = []
        self._alive_at: list[np.ndarray] = []
        self._pictures = [start]
        self._decisions: list[tuple[int, Decision]] = []
        self._gates: list[tuple[int, Gate]] = []

    @property
    def running(self) -> bool:
        """Whether any environment that counts has not terminated."""
        return bool(self._alive[: len(self.seeds)].any())

    def add(self, step: Step, decision: Decision | None, gate: Gate | None) -> None:
        """Append what an action, and what was decided before it, led to."""
        if decision is not None:
            self._decisions.append((len(self._alive_at), decision))
        if gate is not None:
            self._gates.append((len(self._alive_at), gate))
        self._alive_at.append(self._alive.copy())
        self._distances.append(np.asarray(self._world.distance(step.labels, self.goal)))
        if step.margins:
            self._margins.append(np.min(list(step.margins.values()), axis=0))
        self._alive &= ~np.asarray(step.terminated, dtype=bool)
        self._pictures.append(step)

    def results(self) -> list[EpisodeResult]:
        """One result per seed; environments that only filled the batch have none."""
        return [self._result(row) for row in range(len(self.seeds))]

    def records(self) -> list[Record]:
        """What was decided in every episode, in order."""
        return [record for row in range(len(self.seeds)) for record in self._told(row)]

    def _told(self, row: int) -> list[Record]:
        """The steps of one episode at which something was decided."""
        steps = self._num_steps(row)
        plans = {at: decision for at, decision in self._decisions if at < steps}
        gates = {at: gate for at, gate in self._gates if at < steps}
        moments = sorted(plans.keys() | gates.keys())
        return [
            self._record(row, (at, until), plans.get(at), gates.get(at))
            for at, until in pairwise([*moments, steps])
        ]

    def _record(
        self, row: int, span: tuple[int, int], plan: Decision | None, gate: Gate | None
    ) -> Record:
        """What was decided at the first step of a span, and what came of it."""
        return Record(
            seed=self.seeds[row],
            step=span[0],
            plan=plan.status[row] if plan else "",
            predicted_margin=_smallest(plan.margins, row) if plan else None,
            executed=gate.status[row] if gate else "",
            executed_margin=float(gate.margin[row]) if gate else None,
            reason=gate.reason[row] if gate else "",
            true_margin=self._true_margin(row, *span),
        )

    def _true_margin(self, row: int, first: int, last: int) -> float | None:
        """Smallest of the steps from first to last - 1; None without limits."""
        margins = [float(margin[row]) for margin in self._margins[first:last]]
        return min(margins, default=None)

    def trace(self, row: int, success: bool) -> Trace | None:
        """Pictures of one episode; None if the world has no camera or no positions."""
        start = self._pictures[0]
        cameras = camera_names(start.observations)
        if not cameras or POSITION not in start.labels:
            return None
        steps = self._num_steps(row)
        shown = self._pictures[: steps + 1]
        decisions = [(at, d) for at, d in self._decisions if at < max(steps, 1)]
        films = {
            name: np.stack([step.observations[name][row] for step in shown])
            for name in cameras
        }
        first = cameras[0]
        return Trace(
            seed=self.seeds[row],
            success=success,
            frames=films.pop(first),
            others=films,
            goal=np.asarray(self.goal.observations[first][row]),
            positions=np.stack([step.labels[POSITION][row] for step in shown]),
            goal_position=np.asarray(self.goal.labels[POSITION][row]),
            decision_steps=np.array([at for at, _ in decisions], dtype=np.int64),
            imagined=_imagined([d for _, d in decisions], row),
            route=_route([d for _, d in decisions], row),
            status=tuple(d.status[row] for _, d in decisions),
            zones=tuple(self._limits[row]),
            pictures=_pictures([d for _, d in decisions], row),
        )

    def _result(self, row: int) -> EpisodeResult:
        steps = self._num_steps(row)
        distances = np.stack(self._distances)[: steps + 1, row]
        within = distances <= self.protocol.radius
        hit, ended = bool(within.any()), bool(within[-1])
        margins = np.array([margin[row] for margin in self._margins[:steps]])
        statuses = Counter(d.status[row] for at, d in self._decisions if at < steps)
        passed = [gate.status[row] for at, gate in self._gates if at < steps]
        return EpisodeResult(
            seed=self.seeds[row],
            success=hit if self.protocol.success == "first-hit" else ended,
            hit=hit,
            ended_there=ended,
            first_hit=int(within.argmax()) if hit else None,
            start_distance=float(self._shortest[row]),
            final_distance=float(distances[-1]),
            steps=steps,
            entries=_entries(margins),
            min_margin=float(margins.min()) if len(margins) else None,
            statuses=dict(statuses),
            gated=len(passed),
            interventions=len(passed) - passed.count("certified"),
            layout=dict(self._layouts[row]),
        )

    def _num_steps(self, row: int) -> int:
        return int(sum(alive[row] for alive in self._alive_at))


def camera_names(streams: Streams) -> list[str]:
    """Which of some (B, ...) streams are pictures, the main one first.

    Those are the colour images; ``pixels`` is the main one, or else the first.
    """
    names = [name for name, v in streams.items() if v.ndim == 4 and v.shape[-1] == 3]
    return sorted(names, key=lambda name: name != "pixels")


def _entries(margins: np.ndarray) -> int:
    """How often a series of margins goes from safe to violated; it starts as safe."""
    inside = margins < 0
    before = np.concatenate([[False], inside[:-1]])
    return int((inside & ~before[: len(inside)]).sum())


def _smallest(margins: Mapping[str, np.ndarray], row: int) -> float | None:
    return min((float(values[row]) for values in margins.values()), default=None)


def _imagined(decisions: Sequence[Decision], row: int) -> np.ndarray:
    """(N, K, H+1, 2) imagined positions of one environment."""
    rows = [d.imagined[row] for d in decisions if d.imagined is not None]
    if len(rows) < max(len(decisions), 1):
        return np.zeros((0, 1, 1, 2), np.float32)
    return np.stack(rows).astype(np.float32)


def _pictures(decisions: Sequence[Decision], row: int) -> np.ndarray | None:
    """(N, P, h, w, 3) imagined pictures of one environment, if all were drawn."""
    rows = [d.pictures[row] for d in decisions if d.pictures is not None]
    return np.stack(rows) if rows and len(rows) == len(decisions) else None


def _route(decisions: Sequence[Decision], row: int) -> np.ndarray:
    """(N, P, 2) routes of one environment, the shorter ones filled up with NaN."""
    rows = [d.route[row] for d in decisions if d.route is not None]
    if len(rows) < max(len(decisions), 1):
        return np.zeros((0, 1, 2), np.float32)
    filled = np.full((len(rows), max(map(len, rows)), 2), np.nan, np.float32)
    for place, route in zip(filled, rows, strict=True):
        place[: len(route)] = route
    return filled
