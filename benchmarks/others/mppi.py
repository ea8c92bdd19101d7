"""pytorch_mppi 0.9.1: `MPPI` for one environment, `MPPI_Batched` for several.

Rounds are calls of `command` that do not shift the plan, as its documentation has it.
`MPPI` may be told all costs of a rollout at once, at its end, which is faster than one
call per step; `MPPI_Batched` only knows costs per step.
"""

from __future__ import annotations

from typing import Any

import torch
from pytorch_mppi import MPPI
from pytorch_mppi.mppi import MPPI_Batched
from torch import Tensor

from others.question import Effort, Propose, Question

SIGMA, TEMPERATURE = 0.7, 0.003
"""Standard deviation of the noise, and lambda in units of the cost."""


def mppi(effort: Effort) -> Propose:
    """Made once per number of environments; only the plan changes between calls."""
    made: dict[int, Any] = {}

    @torch.no_grad()
    def propose(question: Question) -> Tensor:
        count = len(question.state)
        if count not in made:
            kind = _One if count == 1 else _Several
            made[count] = kind(effort, question)
        torch.manual_seed(question.seed)
        return made[count](question)

    return propose


class _One:
    """One environment."""

    def __init__(self, effort: Effort, question: Question) -> None:
        self.iterations = effort.iterations
        self.question = question
        self.weights = torch.tensor(
            [question.weight(step) for step in range(effort.horizon)]
        )
        self.mppi = MPPI(
            lambda state, action: self.step(state, action),
            lambda state, action: state.new_zeros(len(state)),
            terminal_state_cost=lambda states, actions: self.cost(states),
            **_common(effort, question),
        )

    def __call__(self, question: Question) -> Tensor:
        self.question = question
        self.step = question.clock.inside(question.step)
        self.cost = question.clock.inside(self._cost)
        self.mppi.U = question.init[0].clone()
        for _ in range(self.iterations):
            self.mppi.command(question.state[0, -1], shift_nominal_trajectory=False)
        return self.mppi.U[None]

    def _cost(self, states: Tensor) -> Tensor:
        """(1, K) cost of (1, K, T, D) states."""
        return self.question.distance(states) @ self.weights


class _Several:
    """Several environments, which share their noise."""

    def __init__(self, effort: Effort, question: Question) -> None:
        self.iterations, self.count = effort.iterations, len(question.state)
        self.question = question
        self.mppi = MPPI_Batched(
            lambda state, action, step: self.step(state, action),
            lambda state, action, step: self.cost(state, step),
            num_envs=self.count,
            step_dependent_dynamics=True,
            **_common(effort, question),
        )

    def __call__(self, question: Question) -> Tensor:
        self.question = question
        self.step = question.clock.inside(question.step)
        self.cost = question.clock.inside(self._cost)
        self.mppi.U = question.init.clone()
        for _ in range(self.iterations):
            self.mppi.command(question.state[:, -1], shift_nominal_trajectory=False)
        return self.mppi.U

    def _cost(self, states: Tensor, step: int) -> Tensor:
        """(N K,) cost of (N K, D) states."""
        question = self.question
        distance = question.distance(states.view(self.count, -1, states.shape[-1]))
        return question.weight(step) * distance.flatten()


def _common(effort: Effort, question: Question) -> dict[str, Any]:
    horizon, action_dim = question.init.shape[1:]
    return {
        "nx": question.state.shape[-1],
        "noise_sigma": SIGMA**2 * torch.eye(action_dim),
        "num_samples": effort.samples,
        "horizon": horizon,
        "lambda_": TEMPERATURE,
        "u_min": -torch.ones(action_dim),
        "u_max": torch.ones(action_dim),
    }
