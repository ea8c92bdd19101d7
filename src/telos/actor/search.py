"""What all planners share: evaluate candidates once, archive them, report the plan."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from telos.actor.archive import Archive, Candidates
from telos.actor.scoring import Scores, rank, score
from telos.actor.settings import Amount, SearchConfig, check_request
from telos.types import (
    Budget,
    Dynamics,
    Guardrail,
    Objective,
    Plan,
    SearchTrace,
    Status,
    Trajectory,
)

PROBE = 8
"""Candidates of the first round where time is limited."""
RESERVE = 1.25
"""Factor on predicted durations."""
SHOWN = 8
"""Good candidates of the last iteration that a plan keeps for pictures."""


@dataclass(frozen=True, kw_only=True)
class _Round:
    """The archive after a round of evaluation."""

    cost: Float[Tensor, " B"]
    certified: Bool[Tensor, " B"]
    feasible: Float[Tensor, " B"]
    evaluations: int
    seconds: float
    duration: float
    candidates: int


@dataclass(kw_only=True)
class Search:
    """One call of a planner: the question, and what has been found so far."""

    dynamics: Dynamics
    state: Float[Tensor, "B T D"]
    objective: Objective
    guardrails: Sequence[Guardrail]
    futures: int
    """Latent draws K per candidate."""
    futures_seed: int
    """All candidates, iterations and decisions face the same draws."""
    tail: float
    """Share of the futures, the worst ones, whose mean margin counts."""
    horizon: int
    """Steps per candidate."""
    action_dim: int
    """Numbers per step."""
    amount: Amount
    """What may be spent."""
    archive: Archive = field(default_factory=Archive)
    started: float = field(default_factory=lambda: time.perf_counter())
    spent: int = 0
    """Model evaluations per environment so far."""
    _rounds: list[_Round] = field(default_factory=list)
    _shown: Candidates | None = None
    """Candidates of the last round, for pictures."""

    @classmethod
    def begin(
        cls,
        config: SearchConfig,
        dynamics: Dynamics,
        state: Float[Tensor, "B T D"],
        objective: Objective,
        guardrails: Sequence[Guardrail],
        init: Float[Tensor, "B H A"] | None,
        budget: Budget | None,
        generators: Sequence[torch.Generator],
    ) -> Search:
        """The question as a planner was asked it.

        Raises:
            ValueError: If its parts do not belong together.
        """
        check_request(state, init, generators, (config.horizon, config.action_dim))
        return cls(
            dynamics=dynamics,
            state=state,
            objective=objective,
            guardrails=guardrails,
            futures=config.futures,
            futures_seed=config.futures_seed,
            tail=config.tail,
            horizon=config.horizon,
            action_dim=config.action_dim,
            amount=config.amount(budget),
        )

    def rounds(
        self,
        population: int | Callable[[int], int] | None = None,
        *,
        spared: int = 0,
    ) -> Iterator[int]:
        """How many candidates to evaluate in each iteration, while there is budget.

        Args:
            population: How many are wanted, or a function of the iteration; as the
                budget says where it is not given.
            spared: Candidates to keep in reserve for `evaluate_last`.
        """
        wanted = population or self.amount.samples
        for iteration in range(self.amount.iterations):
            number = wanted(iteration) if callable(wanted) else wanted
            count = self.affords(number + spared) - spared
            if count < 1 and self._rounds:
                return
            yield max(count, 1)

    def affords(self, wanted: int) -> int:
        """How many of the wanted candidates may still be evaluated.

        How long they take is predicted from the round before, with a reserve. Where
        time is limited and nothing is known yet, a few candidates are tried first.
        """
        each = self.futures * self.horizon
        count = min(wanted, (self.amount.evaluations - self.spent) / each)
        if math.isfinite(self.amount.seconds):
            count = min(count, self._affordable_in_time())
        return max(int(count), 0 if self._rounds else 1)

    def _affordable_in_time(self) -> float:
        if not self._rounds:
            return PROBE
        left = self.amount.seconds - (time.perf_counter() - self.started)
        last = self._rounds[-1]
        rounds = left / (RESERVE * last.duration)
        # Part of a round costs the same however few candidates it has.
        return rounds * last.candidates if rounds >= 1 else 0

    def cosine(self, iteration: int) -> float:
        """From 1 to nearly 0 while the budget is spent, whichever limit is nearest."""
        amount, elapsed = self.amount, time.perf_counter() - self.started
        used = max(
            iteration / amount.iterations,
            self.spent / amount.evaluations,
            elapsed / amount.seconds,
        )
        return 0.01 + 0.495 * (1 + math.cos(math.pi * min(used, 1.0)))

    def evaluate_last(self, actions: Float[Tensor, "B S H A"]) -> None:
        """Evaluate what a search ended with, if there is budget left for it."""
        count = self.affords(actions.shape[1])
        if count:
            self.evaluate(actions[:, :count])

    def evaluate(self, actions: Float[Tensor, "B S H A"]) -> Candidates:
        """Imagine, score and archive candidates; gradients pass where enabled."""
        trajectory = self.imagine(actions)
        scores = self.score(trajectory)
        candidates = Candidates(
            actions=trajectory.actions, states=trajectory.states, scores=scores
        )
        self._note(candidates.detach())
        return candidates

    def score(self, trajectory: Trajectory) -> Scores:
        """What candidates are worth, archived or not."""
        return score(trajectory, self.objective, self.guardrails, self.tail)

    def imagine(self, actions: Float[Tensor, "B S H A"]) -> Trajectory:
        """What candidates lead to; every step of every future is paid for."""
        self.spent += actions.shape[1] * actions.shape[2] * self.futures
        device = self.state.device
        return self.dynamics.rollout(
            self.state,
            actions,
            futures=self.futures,
            generator=torch.Generator(device).manual_seed(self.futures_seed),
        )

    def step(
        self, states: Float[Tensor, "B S H D"], actions: Float[Tensor, "B S H A"]
    ) -> Float[Tensor, "B S H D"]:
        """Where each state leads in one step, all at once; paid for like a rollout."""
        self.spent += actions.shape[1] * actions.shape[2]
        rollout = self.dynamics.rollout(
            states.flatten(0, 2)[:, None], actions.flatten(0, 2)[:, None, None]
        )
        return rollout.states[:, 0, 0, 1].view(states.shape)

    def _note(self, candidates: Candidates) -> None:
        """Remember the candidates and how far the search is."""
        self.archive.add(candidates)
        count = candidates.actions.shape[1]
        if self._shown is None or count > 1:
            self._shown = candidates
        now, best = time.perf_counter() - self.started, self.archive.best.scores
        before = self._rounds[-1].seconds if self._rounds else 0.0
        self._rounds.append(
            _Round(
                cost=best.cost[:, 0],
                certified=best.feasible[:, 0],
                feasible=candidates.scores.feasible.float().mean(1),
                evaluations=self.spent,
                seconds=now,
                duration=now - before,
                candidates=count,
            )
        )

    def _trace(self) -> SearchTrace:
        rounds = self._rounds
        return SearchTrace(
            cost=torch.stack([r.cost for r in rounds]),
            certified=torch.stack([r.certified for r in rounds]),
            feasible=torch.stack([r.feasible for r in rounds]),
            evaluations=tuple(r.evaluations for r in rounds),
            seconds=tuple(r.seconds for r in rounds),
        )

    def plan(self) -> Plan:
        """The best archived candidate, as a plan."""
        best, last = self.archive.best, self._shown
        assert last is not None
        scores, margins = best.scores, best.scores.margins[:, 0]
        shown = rank(last.scores)[:, :SHOWN]
        return Plan(
            actions=best.actions[:, 0],
            cost=scores.cost[:, 0],
            terms=self._terms(best),
            margins={g.name: margins[:, i] for i, g in enumerate(self.guardrails)},
            status=tuple(_status(safe) for safe in scores.feasible[:, 0].tolist()),
            states=best.states[:, 0],
            evaluations=self.spent,
            seconds=time.perf_counter() - self.started,
            digests={guardrail.name: guardrail.digest for guardrail in self.guardrails},
            candidates=last.take(shown).states[:, :, 0],
            trace=self._trace(),
        )

    def _terms(self, best: Candidates) -> dict[str, Tensor]:
        terms = self.objective.terms(best.trajectory)
        return {name: energy[:, 0].mean(1).sum(-1) for name, energy in terms.items()}


def _status(feasible: bool) -> Status:
    return "certified" if feasible else "infeasible"
