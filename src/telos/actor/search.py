"""What all planners share: evaluate candidates once, archive them, report the plan."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.archive import Archive, Candidates
from telos.actor.scoring import rank, score
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan, Status

SHOWN = 8
"""Good candidates of the last iteration that a plan keeps for pictures."""


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """What every planner that samples can be told."""

    samples: int = 64
    """Candidates per iteration."""
    iterations: int = 3
    """Rounds of sampling."""
    horizon: int = 10
    """Model steps per candidate."""
    action_dim: int = 2
    """Numbers per model step: frame skip times the environment's action dimension."""
    beta: float = 2.0
    """Colour of the noise along time: power falls with frequency as f^-beta; 0 makes
    all steps independent."""
    futures: int = 1
    """Latent draws per candidate."""
    futures_seed: int = 0
    """Seed of these draws."""

    def __post_init__(self) -> None:
        require_positive(
            samples=self.samples,
            iterations=self.iterations,
            horizon=self.horizon,
            action_dim=self.action_dim,
            futures=self.futures,
        )

    def amount(self, budget: Budget | None) -> Budget:
        """What may be spent: as asked, or as usual."""
        return budget or Budget(samples=self.samples, iterations=self.iterations)


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
    archive: Archive = field(default_factory=Archive)
    started: float = field(default_factory=time.perf_counter)

    @classmethod
    def begin(
        cls,
        config: SearchConfig,
        dynamics: Dynamics,
        state: Float[Tensor, "B T D"],
        objective: Objective,
        guardrails: Sequence[Guardrail],
        init: Float[Tensor, "B H A"] | None,
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
        )

    def evaluate(self, actions: Float[Tensor, "B S H A"]) -> Candidates:
        """Imagine, score and archive candidates."""
        device = self.state.device
        trajectory = self.dynamics.rollout(
            self.state,
            actions,
            futures=self.futures,
            generator=torch.Generator(device).manual_seed(self.futures_seed),
        )
        scores = score(trajectory, self.objective, self.guardrails)
        candidates = Candidates(
            actions=trajectory.actions, states=trajectory.states, scores=scores
        )
        self.archive.add(candidates)
        return candidates

    def plan(self, last: Candidates) -> Plan:
        """The best archived candidate, as a plan; `last` is only for pictures."""
        best = self.archive.best
        scores, steps = best.scores, best.actions.shape[2]
        margins, shown = scores.margins[:, 0], rank(last.scores)[:, :SHOWN]
        return Plan(
            actions=best.actions[:, 0],
            cost=scores.cost[:, 0],
            terms=self._terms(best),
            margins={g.name: margins[:, i] for i, g in enumerate(self.guardrails)},
            status=tuple(_status(safe) for safe in scores.feasible[:, 0].tolist()),
            states=best.states[:, 0],
            evaluations=self.archive.seen * self.futures * steps,
            seconds=time.perf_counter() - self.started,
            digests={guardrail.name: guardrail.digest for guardrail in self.guardrails},
            candidates=last.take(shown).states[:, :, 0],
        )

    def _terms(self, best: Candidates) -> dict[str, Tensor]:
        terms = self.objective.terms(best.trajectory)
        return {name: energy[:, 0].mean(1).sum(-1) for name, energy in terms.items()}


def check_request(
    state: Tensor,
    init: Tensor | None,
    generators: Sequence[torch.Generator],
    expected: tuple[int, int],
) -> None:
    """Refuse a request whose parts do not belong together.

    Args:
        state: (B, T, D) context.
        init: (B, H, A) warm start.
        generators: One per environment.
        expected: Horizon and action dimension of the planner.

    Raises:
        ValueError: If a shape or a count does not fit.
    """
    if state.ndim != 3:
        raise ValueError(
            f"state has shape {tuple(state.shape)}, expected (B, T, D), newest last."
        )
    if len(generators) != len(state):
        raise ValueError(
            f"{len(generators)} generators for {len(state)} environments; give one "
            "per environment."
        )
    if init is not None and init.shape != (len(state), *expected):
        raise ValueError(
            f"init has shape {tuple(init.shape)}, expected (B, H, A) = "
            f"{(len(state), *expected)} as in the planner's config."
        )
    if init is not None and not torch.isfinite(init).all():
        raise ValueError("init holds NaN or infinity; start without a warm start.")


def require_positive(**counts: float) -> None:
    """Refuse settings that are not positive.

    Raises:
        ValueError: Naming the setting.
    """
    for name, count in counts.items():
        if not (math.isfinite(count) and count > 0):
            raise ValueError(f"{name} is {count}; expected a positive number.")


def _status(feasible: bool) -> Status:
    return "certified" if feasible else "infeasible"
