"""Beam search: plans made of a few given actions, grown step by step.

For discrete actions: after every step the most promising beginnings are kept, and all
actions are tried at each of them. With a beam that holds every beginning it is an
exhaustive search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.scoring import rank, score, take
from telos.actor.search import Search, SearchConfig
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


@dataclass(frozen=True, kw_only=True)
class BeamConfig(SearchConfig):
    """How the beam grows.

    ``samples`` is its width; there are no iterations.
    """

    actions: tuple[tuple[float, ...], ...] = ()
    """The actions to choose from, each of ``action_dim`` numbers in [-1, 1]."""
    iterations: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.actions:
            raise ValueError("actions is empty; list the actions to choose from.")
        for action in self.actions:
            if len(action) != self.action_dim or not all(-1 <= a <= 1 for a in action):
                raise ValueError(
                    f"action {action} is not {self.action_dim} numbers in [-1, 1]."
                )


class Beam:
    """Keeps the best beginnings of plans."""

    def __init__(self, config: BeamConfig) -> None:
        self.config = config

    @torch.no_grad()
    def plan(
        self,
        dynamics: Dynamics,
        state: Float[Tensor, "B T D"],
        objective: Objective,
        guardrails: Sequence[Guardrail] = (),
        *,
        init: Float[Tensor, "B H A"] | None = None,
        budget: Budget | None = None,
        generators: Sequence[torch.Generator],
    ) -> Plan:
        """Grow the beam; see `telos.types.Planner`.

        It draws nothing. `init` is evaluated beside the beam where each of its actions
        is one of those to choose from.
        """
        config = self.config
        search = Search.begin(
            config, dynamics, state, objective, guardrails, init, budget, generators
        )
        choices = torch.tensor(config.actions).to(state)
        width = search.amount.samples
        beam = state.new_zeros(len(state), 1, 0, config.action_dim)
        while beam.shape[2] < config.horizon - 1:
            beam = _grown(beam, choices)
            if beam.shape[1] > width:
                beam = take(beam, self._order(search, beam)[:, :width])
        whole = _grown(beam, choices)
        if init is not None:
            whole = torch.cat([_snapped(init, choices)[:, None], whole], dim=1)
        search.evaluate(whole)
        return search.plan()

    def _order(self, search: Search, beginnings: Tensor) -> Tensor:
        """Beginnings, most promising first; they are imagined, but not archived.

        Safe ones come first: what goes on from an unsafe beginning stays unsafe.
        """
        trajectory = search.imagine(beginnings)
        return rank(score(trajectory, search.objective, search.guardrails))


def _grown(
    beam: Float[Tensor, "B W T A"], choices: Float[Tensor, "M A"]
) -> Float[Tensor, "B W*M T+1 A"]:
    """Every beginning with every action after it."""
    count, size = len(choices), beam.shape[1]
    before = beam.repeat_interleave(count, dim=1)
    after = choices.repeat(size, 1)[None, :, None].expand(len(beam), -1, -1, -1)
    return torch.cat([before, after], dim=2)


def _snapped(
    init: Float[Tensor, "B H A"], choices: Float[Tensor, "M A"]
) -> Float[Tensor, "B H A"]:
    """A warm start made of the nearest actions that may be chosen."""
    nearest = torch.cdist(init, choices.expand(len(init), -1, -1)).argmin(-1)
    return choices[nearest]
