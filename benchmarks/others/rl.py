"""TorchRL 0.14.1: `CEMPlanner` and `MPPIPlanner`, all environments in one batch.

They begin anew at every decision, with standard deviation one, and give one action:
that is how they are made. The world is a `ModelBasedEnvBase` with transition and reward
as documented; the reward is minus the cost of a step. MPPI weighs candidates by an
advantage that the user supplies: the standardised sum of rewards.
"""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModule
from torch import Tensor, nn
from torchrl.data import Bounded, Composite, Unbounded
from torchrl.envs.model_based import ModelBasedEnvBase
from torchrl.modules import CEMPlanner, MPPIPlanner, WorldModelWrapper

from others.question import Effort, Propose, Question

ELITES, TEMPERATURE = 0.05, 0.3
"""Share of candidates that count; factor on standardised advantages."""


class Imagined(ModelBasedEnvBase):
    """The learned model as an environment; the goal is that of the question."""

    question: Question

    def __init__(self, latent: int, action_dim: int) -> None:
        transition = TensorDictModule(
            self._transition,
            in_keys=["latent", "action", "time"],
            out_keys=["latent", "time"],
        )
        reward = TensorDictModule(
            self._reward, in_keys=["latent", "time"], out_keys=["reward"]
        )
        super().__init__(WorldModelWrapper(transition, reward))
        self.observation_spec = Composite(
            latent=Unbounded((latent,)), time=Unbounded((1,))
        )
        self.state_spec = Composite(latent=Unbounded((latent,)), time=Unbounded((1,)))
        self.action_spec = Bounded(-1.0, 1.0, (action_dim,))
        self.reward_spec = Unbounded((1,))

    def ask(self, question: Question) -> TensorDict:
        """Where B environments are."""
        self.question = question
        self.step_once = question.clock.inside(question.step)
        self.cost = question.clock.inside(self._cost)
        count = len(question.state)
        now = {"latent": question.state[:, -1], "time": torch.zeros(count, 1)}
        return TensorDict(now, [count])

    def _transition(
        self, latent: Tensor, action: Tensor, time: Tensor
    ) -> tuple[Tensor, Tensor]:
        after = self.step_once(latent.flatten(0, 1), action.flatten(0, 1))
        return after.view_as(latent), time + 1

    def _reward(self, latent: Tensor, time: Tensor) -> Tensor:
        return -self.cost(latent, int(time.flatten()[0]) - 1)[..., None]

    def _cost(self, latent: Tensor, step: int) -> Tensor:
        return self.question.weight(step) * self.question.distance(latent)

    def _reset(self, tensordict: TensorDictBase | None, **unused: Any) -> TensorDict:
        raise NotImplementedError("planners begin where they are told to")


class Advantage(nn.Module):
    """Standardised over candidates, so that the temperature has no unit."""

    def forward(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Add `advantage`, (B, S, T, 1), the same at every step."""
        total = tensordict["next", "reward"].sum(-2, keepdim=True)
        spread = total.std(1, keepdim=True).clamp_min(1e-12)
        best = total.amax(1, keepdim=True)
        advantage = (total - best) / spread
        tensordict["advantage"] = advantage.expand_as(tensordict["next", "reward"])
        return tensordict


def cem(effort: Effort) -> Propose:
    """`CEMPlanner`."""
    return _asked(effort, CEMPlanner, {})


def mppi(effort: Effort) -> Propose:
    """`MPPIPlanner`."""
    more = {"advantage_module": Advantage(), "temperature": TEMPERATURE}
    return _asked(effort, MPPIPlanner, more)


METHODS = {"TorchRL CEM": cem, "TorchRL MPPI": mppi}


def _asked(effort: Effort, kind: Any, more: dict[str, Any]) -> Propose:
    made: list[tuple[Imagined, Any]] = []

    @torch.no_grad()
    def propose(question: Question) -> Tensor:
        if not made:
            world = Imagined(question.state.shape[-1], question.init.shape[-1])
            planner = kind(
                world,
                planning_horizon=effort.horizon,
                optim_steps=effort.iterations,
                num_candidates=effort.samples,
                top_k=max(2, round(ELITES * effort.samples)),
                **more,
            )
            made.append((world, planner))
        world, planner = made[0]
        torch.manual_seed(question.seed)
        first = planner(world.ask(question))["action"]
        plan = torch.zeros_like(question.init)
        plan[:, 0] = first
        return plan

    return propose
