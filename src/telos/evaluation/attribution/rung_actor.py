"""The actor of one rung: an agent whose decisions and episodes are looked into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from telos.agent import Agent
from telos.envs.world import Goal, GoalWorld, Step
from telos.evaluation.attribution.decisions import Findings, Truth
from telos.evaluation.attribution.diary import Diary
from telos.evaluation.attribution.exact_models import EXACT, exact_goal
from telos.evaluation.attribution.pool import WatchedPlanner
from telos.evaluation.exact import decision_of
from telos.evaluation.results import Decision
from telos.types import Streams

PROBE_EVERY = 3
"""Of so many decisions one is judged by the truth; neighbours are alike."""


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Who acts in the episodes that have just started."""

    agent: Agent
    truth: Truth | None
    """What its decisions are judged by; None where the world does not offer it."""
    sees_truth: bool
    """Whether it is shown the exact state beside what it observes."""


class RungActor:
    """An agent among the actors.

    Args:
        world: That it acts in.
        cast: Makes the agent when episodes have started and their goals are known.
        radius: Of success, where the diary of an episode may end.
        diary: What it writes its episodes into, if anything.
    """

    def __init__(
        self,
        world: GoalWorld,
        cast: Callable[[Goal], Cast],
        radius: float,
        diary: Diary | None = None,
    ) -> None:
        self._world, self._cast, self._radius = world, cast, radius
        self._diary, self.findings = diary, Findings()

    def reset(self, seeds: Sequence[int], goal: Goal) -> None:
        """Start B episodes; exact dynamics are those of the running ones."""
        self._goal, self._seeds, self._count = goal, tuple(seeds), 0
        self._now = self._cast(goal)
        agent = self._now.agent
        self._watched = WatchedPlanner(agent.planner)
        agent.planner = self._watched
        agent.reset(seeds)
        exact = None
        if self._now.sees_truth:
            exact = exact_goal(self._world, goal.labels)
        agent.set_goal(_with_truth(goal.observations, exact))
        if self._diary is not None:
            self._diary.open(seeds)

    def act(self, step: Step) -> np.ndarray:
        """(B, A) actions; every few decisions are judged before they are followed."""
        exact = self._world.exact_state() if self._now.sees_truth else None
        shown = None if exact is None else exact[:, 0]
        actions = self._now.agent.act(_with_truth(step.observations, shown))
        self._judge()
        if self._diary is not None:
            near = self._world.distance(step.labels, self._goal) <= self._radius
            self._diary.write(step, actions, near)
        return actions

    def record(self) -> Decision | None:
        """The newest plan, if the last action came with a new one."""
        if not self._decided:
            return None
        agent = self._now.agent
        return decision_of(agent.plan, agent.planned, None)

    def _judge(self) -> None:
        pool = self._watched.take()
        self._decided = pool is not None
        if pool is None:
            return
        if self._now.truth is not None and self._count % PROBE_EVERY == 0:
            judged = self._now.truth.judge(self._world.exact_state(), pool)
            self.findings.add(self._seeds, judged)
        self._count += 1


def _with_truth(observations: Streams, exact: np.ndarray | None) -> Streams:
    """What an agent of the truth sees: the exact state (B, D) too."""
    if exact is None:
        return observations
    return {**observations, EXACT: exact}
