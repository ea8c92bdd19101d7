"""Decisions judged by the truth: does the cost rank as the true metric ranks?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from telos.config import to_dict
from telos.evaluation.attribution.exact_models import ExactModel
from telos.evaluation.attribution.pool import Pool
from telos.evaluation.statistics import bootstrap_mean
from telos.types import Objective, Trajectory

STEP_FORWARD = 0.1
"""Share of the success radius by which a candidate must end nearer than the agent is,
or at the goal, to count as a way forward."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One decision of one environment, by the truth."""

    correlation: float
    """Spearman correlation of the cost with the true metric at the end of each
    candidate; NaN where one of them is the same for all."""
    offered: bool
    """Whether the pool held a way forward."""
    picked: bool
    """Whether the planner picked one."""
    regret: float
    """True metric at the end of what was picked, minus that of the best candidate."""


class Truth:
    """What candidates of the running episodes really lead to.

    Args:
        model: Exact dynamics in model steps.
        metric: True distance to the goal, in the unit of the world.
        radius: Of success, in the same unit.
    """

    def __init__(self, model: ExactModel, metric: Objective, radius: float) -> None:
        self._model, self._metric, self._radius = model, metric, radius

    def judge(self, exact: np.ndarray, pool: Pool) -> list[Judged | None]:
        """One verdict per environment; None where the goal is reached already.

        Args:
            exact: (B, 1, D) exact states in which the decision was made.
            pool: The decision.
        """
        state = torch.as_tensor(exact, dtype=torch.float32)
        actions = torch.cat([pool.picked[:, None], pool.actions], 1).cpu()
        states = self._model.rollout(state, actions).states
        ends = self._metric_at(states[..., -1:, :])
        now = self._metric_at(states[:, :1, :, :1])[:, 0]
        costs = pool.cost.double().cpu().numpy()
        return [
            self._judge(costs[row], ends[row, 1:], ends[row, 0], now[row])
            for row in range(len(ends))
        ]

    def _metric_at(self, states: Float[Tensor, "B S K 1 D"]) -> np.ndarray:
        """(B, S) true metric at single states."""
        twice = states.expand(-1, -1, -1, 2, -1)
        still = twice.new_zeros(*twice.shape[:2], 1, 1)
        metric = self._metric(Trajectory(states=twice, actions=still))
        return metric[:, :, 0, 0].double().cpu().numpy()

    def _judge(
        self, costs: np.ndarray, ends: np.ndarray, picked: float, now: float
    ) -> Judged | None:
        if now <= self._radius:
            return None
        forward = max(self._radius, now - STEP_FORWARD * self._radius)
        best = min(float(ends.min()), picked)
        return Judged(
            correlation=rank_correlation(costs, ends),
            offered=best <= forward,
            picked=picked <= forward,
            regret=picked - best,
        )


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation; NaN where either does not vary.

    What is not finite ranks behind everything that is.
    """
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    ranks = stats.rankdata(first), stats.rankdata(second)
    return float(np.corrcoef(*ranks)[0, 1])


@dataclass(kw_only=True)
class Findings:
    """Judged decisions by episode."""

    by_seed: dict[int, list[Judged]] = field(default_factory=dict)

    def add(self, seeds: Sequence[int], judged: Sequence[Judged | None]) -> None:
        """One decision of a batch; copies that only fill the batch count once."""
        new = {s: j for s, j in zip(seeds, judged, strict=True) if j is not None}
        for seed, found in new.items():
            self.by_seed.setdefault(seed, []).append(found)

    def to_json(self) -> dict[str, Any]:
        """Means over episodes of the means over their decisions, with intervals.

        ``correlation``, ``offered`` (share of decisions with a way forward in the
        pool), ``picked`` (share of those in which one was picked) and ``regret``; None
        where nothing was measured. ``decisions`` counts them.
        """
        return {
            "decisions": sum(map(len, self.by_seed.values())),
            "correlation": self._mean(lambda d: d.correlation),
            "offered": self._mean(lambda d: float(d.offered)),
            "picked": self._mean(
                lambda d: float(d.picked) if d.offered else float("nan")
            ),
            "regret": self._mean(lambda d: d.regret),
        }

    def _mean(self, read: Callable[[Judged], float]) -> Mapping[str, Any] | None:
        means = []
        for decisions in self.by_seed.values():
            values = np.array([read(decision) for decision in decisions])
            known = values[np.isfinite(values)]
            means += [float(known.mean())] if len(known) else []
        return to_dict(bootstrap_mean(means)) if means else None
