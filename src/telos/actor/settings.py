"""What planners are told: settings, budgets, and what no request may look like."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from telos.types import Budget


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
    tail: float = 0.0
    """Share of the futures, the worst ones, whose mean margin must be positive; 0 is
    the worst case: every future must be safe."""
    seconds: float | None = None
    """Time that a plan of the whole batch may take; iterations go on until then."""

    def __post_init__(self) -> None:
        require_positive(
            **({} if self.seconds is None else {"seconds": self.seconds}),
            samples=self.samples,
            iterations=self.iterations,
            horizon=self.horizon,
            action_dim=self.action_dim,
            futures=self.futures,
        )
        require_share("tail", self.tail)

    def amount(self, budget: Budget | None) -> Amount:
        """What may be spent: as asked, or as usual."""
        asked = budget or Budget()
        seconds = asked.seconds or self.seconds
        limited = asked.evaluations is not None or seconds is not None
        usual = sys.maxsize if limited else self.iterations
        return Amount(
            samples=asked.samples or self.samples,
            iterations=asked.iterations or usual,
            evaluations=asked.evaluations or math.inf,
            seconds=seconds or math.inf,
        )


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A budget in which every limit is a number."""

    samples: int
    iterations: int
    evaluations: float
    seconds: float

    def half(self) -> Amount:
        """Half of the limits, for the first of two parts."""
        return replace(self, evaluations=self.evaluations / 2, seconds=self.seconds / 2)

    @property
    def is_limited(self) -> bool:
        """Whether the search may end before its last iteration."""
        return math.isfinite(self.evaluations) or math.isfinite(self.seconds)


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
    if state.dtype != torch.float32:
        raise ValueError(
            f"state is {state.dtype}; planners search in torch.float32: give "
            "state.float(), and a dynamics that returns it."
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
    if init is not None and (init.dtype, init.device) != (state.dtype, state.device):
        raise ValueError(
            f"init is {init.dtype} on {init.device}, the state is {state.dtype} on "
            f"{state.device}; give both alike."
        )
    if init is not None and not torch.isfinite(init).all():
        raise ValueError("init holds NaN or infinity; start without a warm start.")


def require_share(what: str, value: float) -> None:
    """Refuse what is no share.

    Raises:
        ValueError: Naming the setting.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{what} is {value}; expected a share from 0 to 1.")


def require_positive(**counts: float) -> None:
    """Refuse settings that are not positive.

    Raises:
        ValueError: Naming the setting.
    """
    for name, count in counts.items():
        if not (math.isfinite(count) and count > 0):
            raise ValueError(f"{name} is {count}; expected a positive number.")
