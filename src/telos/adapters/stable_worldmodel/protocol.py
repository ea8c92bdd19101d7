"""What stable-worldmodel 0.1.1 asks of cost models and solvers, and its sign.

Shapes are those of telos: candidates are (B, S, H, A). Two things differ. Whatever is
known of the environments travels in an *info*, a mapping from names to tensors or
arrays whose first axis is B; a solver inserts S behind it before it asks for costs. And
a constraint is kept where it is at most zero, whereas a margin is safe above zero: the
two signs meet in this file and nowhere else. A margin of exactly zero is where the two
rules disagree; telos calls it unsafe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float
from torch import Tensor

Info = Mapping[str, Any]
"""Tensors or arrays by name, (B, ...) for solvers, (B, S, ...) for cost models."""


class CostModel(Protocol):
    """What a solver minimises.

    A model may also have ``get_constraints`` with the same arguments: (B, S, C),
    at most zero where a constraint is kept.
    """

    def get_cost(
        self, info_dict: Any, action_candidates: Float[Tensor, "B S H A"]
    ) -> Float[Tensor, "B S"]:
        """Cost of every candidate."""
        ...


class Solver(Protocol):
    """What searches for actions."""

    def configure(self, *, action_space: Any, n_envs: int, config: Any) -> None:
        """Say where, for how many environments and how far ahead.

        Args:
            action_space: A box of shape (B, A), the bounds of one environment step.
            n_envs: B.
            config: A `PlanConfig`, or stable-worldmodel's own.
        """
        ...

    def solve(self, info_dict: Any, init_action: Tensor | None = None) -> dict:
        """Search; ``actions`` (B, H, A) of the answer is what is to be done.

        Args:
            info_dict: (B, ...) by name.
            init_action: (B, t, A) beginning of the plan to start from, t <= H.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PlanConfig:
    """How far a solver looks ahead; the fields that stable-worldmodel reads."""

    horizon: int
    """Model steps H."""
    receding_horizon: int = 1
    """Model steps that are executed before the next search."""
    history_len: int = 1
    """Observations that the model sees."""
    action_block: int = 1
    """Environment steps per model step, which telos calls frame skip."""
    warm_start: bool = True
    """Whether a search starts from the rest of the last plan."""


def constraints_from(margins: Tensor) -> Tensor:
    """Kept when below zero, from safe when above zero."""
    return -margins


def margins_from(constraints: Tensor) -> Tensor:
    """Safe when above zero, from kept when below zero."""
    return -constraints


def with_candidates(info: Info, samples: int) -> dict[str, Any]:
    """The same for each of S candidates: (B, ...) becomes (B, S, ...)."""
    return {name: _repeated(value, samples) for name, value in info.items()}


def without_candidates(info: Info) -> dict[str, Any]:
    """What is known of the environments: (B, S, ...) becomes (B, ...)."""
    return {
        name: value[:, 0] if isinstance(value, (Tensor, np.ndarray)) else value
        for name, value in info.items()
    }


def _repeated(value: Any, samples: int) -> Any:
    if isinstance(value, Tensor):
        return value.unsqueeze(1).expand(-1, samples, *value.shape[1:])
    if isinstance(value, np.ndarray):
        return np.repeat(value[:, None], samples, axis=1)
    return value
