"""Exact dynamics of the pushing world: pymunk, candidate after candidate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.envs.exact import to_units
from telos.envs.push_t.physics import AGENT, Control, PushSpace
from telos.types import Trajectory


class ExactPushT:
    """The physics of the running episodes as a dynamics; a state is ten numbers.

    The present state is the newest of the context, (B, T, 10), see ``physics``.
    """

    def __init__(self, spaces: Sequence[PushSpace], control: Control) -> None:
        """Take one space per environment and what actions mean."""
        self._spaces, self._control = tuple(spaces), control

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """Exact states (B, S, K, H+1, 10); all futures are equal, none is random."""
        present = state[:, -1].detach().cpu().double().numpy()
        units = to_units(actions, *self._control.bounds)
        rows = zip(self._spaces, present, units, strict=True)
        visited = np.stack(
            [
                np.stack([self._follow(space, start, plan) for plan in plans])
                for space, start, plans in rows
            ]
        )
        states = torch.from_numpy(visited).to(state)
        states = states[:, :, None].expand(-1, -1, futures, -1, -1)
        return Trajectory(states=states, actions=actions)

    def _follow(
        self, space: PushSpace, start: np.ndarray, plan: np.ndarray
    ) -> np.ndarray:
        """(H+1, 10) states from a start (10,) under actions (H, 2)."""
        states = [start]
        for action in plan:
            states.append(advance(space, states[-1], action, self._control))
        return np.stack(states)


def advance(
    space: PushSpace, state: np.ndarray, action: np.ndarray, control: Control
) -> np.ndarray:
    """(10,) state after an action (2,) in the control's bounds."""
    target = control.targets(action, state[AGENT])
    return np.array(space.step(state.tolist(), target.tolist()))
