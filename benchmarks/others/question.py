"""What every library is asked: the same model, cost, states, goals and effort.

How fairness was ensured:

* The effort is the number of candidates, rounds and steps; every method evaluates as
  many (iCEM of telos, whose rounds shrink, begins with more).
* Libraries that take whole plans (stable-worldmodel) get rollout and cost as telos has
  them. Libraries that go step by step (TorchRL, pytorch_mppi) get the predictor and the
  critic alone, without the checks and copies of a rollout in telos.
* Each is called as it is documented for many environments at once, where it is.
* Actions are bounded to [-1, 1] in all; temperatures are in the scale of this cost.
* Settings of the other libraries were chosen on other episodes than those of the
  protocol, see `tuning.py`; the planners of telos are as they come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from telos.actor import SearchConfig, SearchPlanner
from telos.memory import CorrectedDynamics
from telos.types import Dynamics, Objective, Trajectory
from telos.world_model import JEPA


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What one decision may cost, the same for all."""

    samples: int
    iterations: int
    horizon: int

    @property
    def evaluations(self) -> int:
        """Model evaluations per decision and environment."""
        return self.samples * self.iterations * self.horizon

    def __str__(self) -> str:
        return f"{self.samples} x {self.horizon} x {self.iterations}"


@dataclass(kw_only=True)
class Clock:
    """Time that is spent in model and cost, and not in the search."""

    seconds: float = 0.0
    running: bool = False
    """Off where only the whole decision is timed: reading clocks takes time too."""

    def inside(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed if the clock runs."""
        if not self.running:
            return call

        def timed(*args: Any, **named: Any) -> Any:
            began = time.perf_counter()
            result = call(*args, **named)
            self.seconds += time.perf_counter() - began
            return result

        return timed


@dataclass(frozen=True, kw_only=True)
class Question:
    """Where B environments are, what they want, and what is left of the last plan."""

    dynamics: Dynamics
    state: Tensor
    """(B, 1, D)."""
    objective: Objective
    init: Tensor
    """(B, H, A); rest if there was no plan."""
    seed: int = 0
    clock: Clock = field(default_factory=Clock)

    @property
    def critic(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The network that says how far a state is from a goal."""
        return self._at_the_end.critic

    @property
    def goal(self) -> Tensor:
        """(B, D)."""
        return self._at_the_end.goal

    @property
    def _at_the_end(self) -> Any:
        return self.objective.objectives[0].objective  # type: ignore[attr-defined]

    def cost(self, actions: Tensor) -> Tensor:
        """(B, S) cost of (B, S, H, A) candidates, out of bounds as if clipped."""
        rollout = self.dynamics.rollout(self.state, actions.clamp(-1.0, 1.0))
        return self.objective(rollout)[:, :, 0].sum(-1)

    def step(self, latent: Tensor, action: Tensor) -> Tensor:
        """(N, D) states one step later; N is B times S, sorted by environment."""
        model, known = self._model
        state, context = model.split(latent)
        after = model.predictor(state.unsqueeze(1), context, action.unsqueeze(1))
        if known is not None:
            after = after + known(state, action)
        return torch.cat([after, context], dim=-1)

    @property
    def _model(self) -> tuple[JEPA, Callable[[Tensor, Tensor], Tensor] | None]:
        """The world model, and what the agent remembers of its misses."""
        if isinstance(self.dynamics, CorrectedDynamics):
            memory = self.dynamics.corrections
            return self.dynamics.dynamics, None if memory.is_empty else memory.correct  # type: ignore[return-value]
        assert isinstance(self.dynamics, JEPA)
        return self.dynamics, None

    def weight(self, step: int) -> float:
        """What the distance to the goal counts after `step` + 1 steps."""
        horizon = self.init.shape[1]
        return 1 / horizon + float(step == horizon - 1)

    def distance(self, latent: Tensor) -> Tensor:
        """(B, ...) distance of (B, ..., D) states to the goals of B environments."""
        goal = self.goal[:, : self.critic.state_dim]  # type: ignore[attr-defined]
        wanted = goal.view(len(goal), *[1] * (latent.ndim - 2), -1)
        return self.critic(latent, wanted.expand(*latent.shape[:-1], -1))


Propose = Callable[[Question], Tensor]
"""From a question to actions (B, H, A)."""
Method = Callable[[Effort], Propose]
"""A library's planner, made for an effort."""


class Proposed(SearchPlanner):
    """A proposal as a plan, so that agent and evaluation are the same for all."""

    def __init__(self, propose: Propose, settings: SearchConfig) -> None:
        super().__init__(settings)
        self._propose = propose

    def look(self, search: Any, seeds: Tensor, generators: Any) -> None:
        """Ask once."""
        seed = int(torch.randint(2**31, (), generator=generators[0]))
        question = Question(
            dynamics=search.dynamics,
            state=search.state,
            objective=search.objective,
            init=seeds[:, -1],
            seed=seed,
        )
        search.evaluate(self._propose(question).clamp(-1.0, 1.0)[:, None])


class TimedDynamics:
    """Dynamics whose rollouts are timed."""

    def __init__(self, dynamics: Dynamics, clock: Clock) -> None:
        self.rollout: Callable[..., Trajectory] = clock.inside(dynamics.rollout)


class TimedObjective:
    """An objective whose energies are timed."""

    def __init__(self, objective: Objective, clock: Clock) -> None:
        self.name = objective.name
        self._energy = clock.inside(objective)
        self.terms = clock.inside(objective.terms)

    def __call__(self, trajectory: Trajectory) -> Tensor:
        """Energy of every predicted state."""
        return self._energy(trajectory)
