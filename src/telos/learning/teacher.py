"""Teachers: a slow or a frozen copy of a network, whose outputs are targets."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from telos.learning.objectives.config import Schedule, TeacherConfig

Parameters = list[tuple[Tensor, Tensor]]


class Teacher(nn.Module):
    """An exponential moving average of a network's weights.

    After each step ``teacher <- m teacher + (1 - m) network``. How far back it looks is
    set by a half-life in steps, ln 2 / (1 - m), as a share of the training: 0.996 of
    published recipes is 173 steps of several 100,000, and would hardly move in 2,000.

    Buffers, such as BatchNorm's running statistics, are not averaged: in training mode
    the teacher standardises by the batch that it sees and keeps statistics of its own.

    Sources: BYOL (2006.07733, section 3.1) for the average and its cosine schedule,
    I-JEPA (2301.08243, appendix A) for the linear one.

    Args:
        module: The network that is followed. It is not part of the teacher's state.
        steps: Of the training.
        half_life: As a share of the steps.
        momentum: m of the first step, instead of the half-life.
        schedule: How 1 - m falls to zero at the last step, or "constant".

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        steps: int,
        half_life: float = 0.02,
        momentum: float | None = None,
        schedule: Schedule = "linear",
    ) -> None:
        super().__init__()
        if momentum is None:
            momentum = momentum_of(half_life, steps)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum is {momentum}; it has to lie in [0, 1]")
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.steps, self.momentum, self.schedule = steps, momentum, schedule
        # In a tuple, so that the network's weights are not stored a second time.
        self._followed = (module,)

    def at(self, step: int) -> float:
        """m of the update after a step, counted from 0."""
        left = {
            "constant": 1.0,
            "linear": 1 - step / self.steps,
            "cosine": 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps))),
        }[self.schedule]
        return 1 - (1 - self.momentum) * max(0.0, left)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the network after the optimiser's step."""
        rate = 1 - self.at(step)
        for own, new in self._pairs():
            own.lerp_(new.to(own), rate)

    @torch.no_grad()
    def distance(self) -> float:
        """How far the network is ahead: root mean square of weights, relative."""
        pairs = self._pairs()
        apart = sum(float((new - own).square().sum()) for own, new in pairs)
        size = sum(float(own.square().sum()) for own, _ in pairs)
        return math.sqrt(apart / max(size, 1e-30))

    def _pairs(self) -> Parameters:
        (followed,) = self._followed
        own, new = self.module.parameters(), followed.parameters()
        return list(zip(own, new, strict=True))

    @torch.no_grad()
    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What the copy says; without gradient."""
        return self.module(*inputs, **named)


class FrozenTeacher(nn.Module):
    """A network as it is now, for ever; with the methods of a `Teacher`.

    It stays in evaluation mode, whatever mode its owner is in.

    Source: SALT (2509.24317): a frozen teacher cannot collapse, and losses of different
    steps can be compared.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = copy.deepcopy(module).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> FrozenTeacher:
        """Stays as it is."""
        return self

    def update(self, step: int) -> None:
        """Follows nothing."""

    @torch.no_grad()
    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What the copy says; without gradient."""
        return self.module(*inputs, **named)


def momentum_of(half_life: float, steps: int) -> float:
    """m by which half of a weight is new after a share of all steps.

    Raises:
        ValueError: If the share or the number of steps is not positive.
    """
    if half_life <= 0 or steps < 1:
        raise ValueError(
            f"a half-life of {half_life} of {steps} steps is none; both have to be "
            "positive, for example 0.02 of 2000"
        )
    return 0.5 ** (1 / (half_life * steps))


def teacher_of(
    target: str, config: TeacherConfig, module: nn.Module, steps: int
) -> Teacher | FrozenTeacher | None:
    """The teacher that targets of this kind come from, if they come from one.

    Args:
        target: `Objective.target`.
        config: How it follows.
        module: The network that learns; where the teacher is frozen, the one to freeze.
        steps: Of the training.
    """
    if target == "frozen":
        return FrozenTeacher(module)
    if target == "ema":
        return Teacher(
            module, steps=steps, half_life=config.half_life, schedule=config.schedule
        )
    return None
