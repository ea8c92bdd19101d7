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

from telos.actor.planner import SearchPlanner
from telos.actor.scoring import rank, take
from telos.actor.search import Search
from telos.actor.settings import SearchConfig


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


class Beam(SearchPlanner):
    """Keeps the best beginnings of plans."""

    def __init__(self, config: BeamConfig) -> None:
        self.config = config
        super().__init__(self.config)

    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Grow the beam; nothing is drawn, seeds are snapped to the choices."""
        config = self.config
        choices = torch.tensor(config.actions).to(seeds)
        width = search.amount.samples
        beam = seeds[:, :1, :0]
        while beam.shape[2] < config.horizon - 1:
            beam = _grown(beam, choices)
            if beam.shape[1] > width:
                beam = take(beam, self._order(search, beam)[:, :width])
        whole = _grown(beam, choices)
        search.evaluate(torch.cat([_snapped(seeds, choices), whole], dim=1))

    def _order(self, search: Search, beginnings: Tensor) -> Tensor:
        """Beginnings, most promising first; they are imagined, but not archived.

        Safe ones come first: what goes on from an unsafe beginning stays unsafe.
        """
        trajectory = search.imagine(beginnings)
        return rank(search.score(trajectory))


def _grown(
    beam: Float[Tensor, "B W T A"], choices: Float[Tensor, "M A"]
) -> Float[Tensor, "B W*M T+1 A"]:
    """Every beginning with every action after it."""
    count, size = len(choices), beam.shape[1]
    before = beam.repeat_interleave(count, dim=1)
    after = choices.repeat(size, 1)[None, :, None].expand(len(beam), -1, -1, -1)
    return torch.cat([before, after], dim=2)


def _snapped(
    seeds: Float[Tensor, "B S H A"], choices: Float[Tensor, "M A"]
) -> Float[Tensor, "B S H A"]:
    """The same made of the nearest actions that may be chosen."""
    return choices[(seeds.unsqueeze(-2) - choices).square().sum(-1).argmin(-1)]
