"""Plans followed to their ends: what a planner expected, and what came of it.

In deployment a plan is renewed before it is used up, so that a mistake in its later
steps never shows. Here the plan of every episode that comes nearest to a limit is
followed blindly: the episode is run again up to the step at which it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from telos.envs.world import GoalWorld
from telos.evaluation.protocol import Protocol
from telos.evaluation.results import Actor, Deciding, Decision


@dataclass(frozen=True, kw_only=True)
class ExecutedPlans:
    """One plan for each of n episodes; those without a certified plan are left out."""

    predicted: Mapping[str, np.ndarray]
    """Limit -> (n,) smallest predicted margin, buffers taken off."""
    true: Mapping[str, np.ndarray]
    """Limit -> (n,) smallest true margin while the plan was followed."""
    episodes: int
    """Episodes that were run."""
    evaluations: int
    """Most model evaluations that any plan cost."""

    @property
    def count(self) -> int:
        """Plans, n."""
        return len(next(iter(self.true.values())))

    @property
    def violated(self) -> int:
        """Plans that broke a limit although they were certified."""
        return int((np.min(list(self.true.values()), axis=0) < 0).sum())


@dataclass(kw_only=True)
class _Tightest:
    """The certified plan of every environment that comes nearest to a limit."""

    margin: np.ndarray
    """(B,) infinite without a certified plan."""
    margins: dict[str, np.ndarray] = field(default_factory=dict)
    """Limit -> (B,)."""
    actions: np.ndarray
    """(B, T, A) world actions."""
    at: np.ndarray
    """(B,) step at which it was made."""
    evaluations: int = 0
    """Most that any plan cost, chosen or not."""

    def take(self, decision: Decision, step: int) -> None:
        """Keep the new plans where they are certified and nearer to a limit."""
        if decision.actions is None or not decision.margins:
            raise ValueError(
                "the actor plans without margins or does not show its actions; "
                "expected one that is told of the limits"
            )
        self.evaluations = max(self.evaluations, decision.evaluations)
        smallest = np.min(list(decision.margins.values()), axis=0)
        certified = np.array([status == "certified" for status in decision.status])
        better = certified & (smallest < self.margin)
        self.margin = np.where(better, smallest, self.margin)
        self.at = np.where(better, step, self.at)
        if self.actions.shape[1] == 0:
            self.actions = np.zeros_like(decision.actions)
        self.actions[better] = decision.actions[better]
        for name, values in decision.margins.items():
            old = self.margins.get(name, np.full(len(values), np.inf))
            self.margins[name] = np.where(better, values, old)


def execute_plans(world: GoalWorld, actor: Actor, protocol: Protocol) -> ExecutedPlans:
    """Follow the tightest plan of every episode of a protocol to its end.

    Args:
        world: Built with the options of the protocol; it must have limits, and an
            episode must follow from its seed and the actions.
        actor: Plans as it will be deployed, told of the limits.
        protocol: Says the episodes.

    Raises:
        ValueError: If nothing is forbidden in this world, the actor does not plan, or
            no plan was certified.
    """
    seeds, most = protocol.seeds, 0
    predicted: list[dict[str, np.ndarray]] = []
    true: list[dict[str, np.ndarray]] = []
    for first in range(0, len(seeds), world.num_envs):
        batch = list(seeds[first : first + world.num_envs])
        filled = batch + [batch[-1]] * (world.num_envs - len(batch))
        tightest, told = _run(world, actor, protocol, filled)
        followed = _follow(world, filled, tightest, told)
        kept = np.isfinite(tightest.margin) & (np.arange(len(filled)) < len(batch))
        predicted.append({n: m[kept] for n, m in tightest.margins.items()})
        true.append({n: m[kept] for n, m in followed.items()})
        most = max(most, tightest.evaluations)
    plans = ExecutedPlans(
        predicted=_joined(predicted),
        true=_joined(true),
        episodes=len(seeds),
        evaluations=most,
    )
    if plans.count == 0:
        raise ValueError(
            f"no plan was certified in {len(seeds)} episodes of {protocol.name!r}: "
            "there is nothing to learn from; check the run and its buffers"
        )
    return plans


def _run(
    world: GoalWorld, actor: Actor, protocol: Protocol, seeds: Sequence[int]
) -> tuple[_Tightest, np.ndarray]:
    """Run a batch as deployed: its tightest plans and all its (T, B, A) actions."""
    step = world.reset(seeds)
    _require(world, actor, protocol)
    actor.reset(seeds, world.sample_goals(protocol.goal_rule, seeds))
    tightest, told = _none(len(seeds), world.spec.action_dim), []
    for time in range(protocol.budget):
        told.append(actor.act(step))
        decision = actor.record() if isinstance(actor, Deciding) else None
        if decision is not None:
            tightest.take(decision, time)
        step = world.step(told[-1])
    return tightest, np.stack(told)


def _none(count: int, action_dim: int) -> _Tightest:
    return _Tightest(
        margin=np.full(count, np.inf),
        actions=np.zeros((count, 0, action_dim)),
        at=np.zeros(count, int),
    )


def _require(world: GoalWorld, actor: Actor, protocol: Protocol) -> None:
    if not isinstance(actor, Deciding):
        raise ValueError("this actor does not plan; expected one with record()")
    if not world.limits()[0]:
        raise ValueError(
            f"nothing is forbidden in {protocol.name!r}, so that there are no margins; "
            "give a protocol with a limit, for example rooms-zone"
        )


def _follow(
    world: GoalWorld, seeds: Sequence[int], tightest: _Tightest, told: np.ndarray
) -> dict[str, np.ndarray]:
    """Smallest true margins while the plans are followed from where they were made."""
    world.reset(seeds)
    rows, length = np.arange(len(seeds)), tightest.actions.shape[1]
    found = {name: np.full(len(seeds), np.inf) for name in tightest.margins}
    for time in range(int(tightest.at.max()) + length):
        age = time - tightest.at
        planned = tightest.actions[rows, np.clip(age, 0, length - 1)]
        before = told[min(time, len(told) - 1)]
        step = world.step(np.where((age >= 0)[:, None], planned, before))
        following = (age >= 0) & (age < length)
        for name in found:
            margin = np.where(following, step.margins[name], np.inf)
            found[name] = np.minimum(found[name], margin)
    return found


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
