"""Exact little worlds to plan in."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from telos.cost import (
    Effort,
    GoalReadout,
    KeepOutDisc,
    ObjectiveAlgebra,
    Terminal,
    identity_readout,
)
from telos.types import Trajectory

POSITION = identity_readout(2, [0, 1], unit="m")
DISC = KeepOutDisc(readout=POSITION, center=(1.0, 0.0), radius=0.5)


def generators(count: int, first: int = 0) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(first + i) for i in range(count)]


def goal(x: float = 2.0, y: float = 0.0) -> ObjectiveAlgebra:
    target = torch.tensor([[x, y]])
    return Terminal(GoalReadout(POSITION, target)) + 0.01 * Effort()


class Point:
    """x' = x + 0.2 a in the plane; counts what it is asked."""

    def __init__(self) -> None:
        self.rollouts = 0
        self.asked: list[Tensor] = []

    def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
        self.rollouts += 1
        self.asked.append(actions)
        batch, samples = actions.shape[:2]
        start = state[:, -1, None, None, None].expand(batch, samples, futures, 1, -1)
        moved = 0.2 * actions.cumsum(2)[:, :, None].expand(-1, -1, futures, -1, -1)
        return Trajectory(states=torch.cat([start, start + moved], 3), actions=actions)


class WindyPoint(Point):
    """Each future has a constant wind of its own along y."""

    wind = 0.3

    def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
        calm = super().rollout(state, actions, futures, generator)
        draws = torch.randn(futures, generator=generator)
        steps = torch.arange(actions.shape[2] + 1) / actions.shape[2]
        states = calm.states.clone()
        states[..., 1] += self.wind * draws[:, None] * steps
        return Trajectory(states=states, actions=actions)


class BrokenPoint(Point):
    """Predicts NaN for every candidate that ever moves left (or for all)."""

    def __init__(self, everything: bool = False, value: float = math.nan) -> None:
        super().__init__()
        self.everything, self.value = everything, value

    def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
        fine = super().rollout(state, actions, futures, generator)
        bad = (actions[..., 0] < 0).any(-1) | self.everything
        states = fine.states.clone()
        states[bad, :, min(2, actions.shape[2])] = self.value
        return Trajectory(states=states, actions=actions)


class Linear:
    """x' = F x + G a: the world of linear-quadratic control."""

    def __init__(self, f: Tensor, g: Tensor) -> None:
        self.f, self.g = f, g

    def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
        x = state[:, -1, None].expand(-1, actions.shape[1], -1)
        states = [x]
        for step in range(actions.shape[2]):
            x = x @ self.f.T + actions[:, :, step] @ self.g.T
            states.append(x)
        return Trajectory(states=torch.stack(states, 2)[:, :, None], actions=actions)
