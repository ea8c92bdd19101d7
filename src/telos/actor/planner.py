"""What all planners have in common: the question, and the answer from the archive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.search import Search
from telos.actor.settings import SearchConfig
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan


class SearchPlanner(ABC):
    """A subclass says how to look; what is asked and answered is the same for all.

    Args:
        settings: Horizon, candidates and futures.
    """

    def __init__(self, settings: SearchConfig) -> None:
        self._settings = settings

    @abstractmethod
    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Evaluate candidates until the budget of the search is spent.

        Args:
            search: The question; it archives whatever it evaluates.
            seeds: Candidates to begin with: rest, and the warm start if there is one.
            generators: One per environment.
        """

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
        """Look, and return the best candidate seen; see `telos.types.Planner`."""
        settings = self._settings
        search = Search.begin(
            settings, dynamics, state, objective, guardrails, init, budget, generators
        )
        rest = state.new_zeros(len(state), 1, settings.horizon, settings.action_dim)
        warm = rest[:, :0] if init is None else init.clamp(-1.0, 1.0)[:, None]
        self.look(search, torch.cat([rest, warm], dim=1), generators)
        return search.plan()
