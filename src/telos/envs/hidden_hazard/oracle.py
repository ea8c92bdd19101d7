"""Exact dynamics of a point mass among hazards of which one is there, unknown which.

The physics is certain and the place of the hazard is not: every future draws it from
the prior, or takes it from the state if it has been revealed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.envs.exact import ExactDynamics
from telos.envs.hidden_hazard.places import Placement, modes_of
from telos.envs.point_mass import step
from telos.types import Trajectory


class ExactHiddenHazard:
    """States (..., 6) are position, velocity, and position less that of the hazard.

    The last two are NaN in a present state that does not know the hazard. In imagined
    states they hold what each future has drawn.
    """

    def __init__(
        self, placements: Sequence[Placement], seeds: Sequence[int], probability: float
    ) -> None:
        """Take B running episodes with their seeds, and the prior of place 0."""
        self._places = np.stack([placement.places for placement in placements])
        self._seeds, self._probability = tuple(seeds), probability
        self._motion = ExactDynamics(step)

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """Exact states (B, S, K, H+1, 6); candidates share the draws of the futures.

        What an environment draws follows from the generator's next number and the seed
        of its episode alone. The first of many futures are those of a few.
        """
        moved = self._motion.rollout(state[..., :4], actions, futures).states
        present = state[:, -1].double()
        hazard = (present[:, :2] - present[:, 4:])[:, None]
        drawn = torch.from_numpy(self._draw(futures, generator))
        hazard = torch.where(torch.isnan(hazard), drawn, hazard)
        offset = moved[..., :2] - hazard[:, None, :, None].to(moved)
        return Trajectory(states=torch.cat([moved, offset], -1), actions=actions)

    def _draw(self, futures: int, generator: torch.Generator | None) -> np.ndarray:
        """(B, K, 2) places of hazards."""
        device = "cpu" if generator is None else generator.device
        number = torch.randint(2**31, (), generator=generator, device=device)
        rngs = [np.random.default_rng([int(number), s, 5]) for s in self._seeds]
        uniform = np.stack([rng.uniform(size=futures) for rng in rngs])
        modes = modes_of(uniform, self._places.shape[1], self._probability)
        return np.take_along_axis(self._places, modes[..., None], axis=1)
