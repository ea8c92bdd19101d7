"""What an agent needs of the other boxes of the figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Float
from torch import Tensor

from telos.types import Dynamics, Encoder, Objective


class Scale(Protocol):
    """From normalised actions to the environment's units."""

    def from_unit(self, actions: np.ndarray) -> np.ndarray: ...


class WorldModel(Encoder, Dynamics, Protocol):
    """What the agent needs of a world model.

    One that also names its ``streams``, as `JEPA` does, is never shown an observation
    that lacks one of them, or in which one is not finite.
    """

    @property
    def action_scale(self) -> Scale:
        """Scale of one model step's action: ``frame_skip`` environment actions."""
        ...

    @property
    def history(self) -> int:
        """Frames that the encoder sees, ``frame_skip`` environment steps apart."""
        ...

    @property
    def frame_skip(self) -> int:
        """Environment steps per model step."""
        ...


class Memory(Protocol):
    """What lasts for an episode and is told of every model step."""

    def reset(self, num_envs: int) -> None:
        """Forget everything: a new batch of episodes starts."""
        ...

    def observe(
        self,
        before: Float[Tensor, "B T D"],
        action: Float[Tensor, "B A"],
        after: Float[Tensor, "B T D"],
    ) -> object:
        """An action, in [-1, 1], led from one state to another."""
        ...


Propose = Callable[[Dynamics, Tensor, Tensor], Tensor]
"""From dynamics, state (B, T, D) and goal (B, D) to a plan (B, H, A) to begin with."""

ObjectiveFactory = Callable[[Float[Tensor, "B D"]], Objective]
"""From the encoded goal to what is wanted."""
