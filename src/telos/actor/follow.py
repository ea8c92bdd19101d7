"""No search at all: the plan that one comes with is followed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.planner import SearchPlanner
from telos.actor.search import Search


class Follow(SearchPlanner):
    """Imagines and judges the plan that it is given, so that a shield can act on it.

    With a habit as what plans begin with, this is an agent that acts by habit alone
    (mode 1 of LeCun 2022, section 3.1.3). Without a plan to follow it rests.
    """

    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Evaluate the last of the seeds, and nothing else."""
        search.evaluate(seeds[:, -1:])
