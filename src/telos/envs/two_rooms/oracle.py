"""What knows the truth about two rooms: exact dynamics and policies on true labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.envs.exact import to_units
from telos.envs.two_rooms import simulation as sim
from telos.envs.two_rooms.geodesic import next_corner
from telos.types import Streams, Trajectory

ROUNDING = 1e-4
"""A float32 position may lie this deep inside a wall that it only touches, pixels."""
WAYPOINT_CLEARANCE = 0.3
"""Distance at which the expert passes the corners of the door, pixels."""


class ExactTwoRooms:
    """The physics of the running episodes as a dynamics; a state is a position.

    The present state is the newest of the context, (B, T, 2) in pixels.
    """

    def __init__(self, layouts: sim.Layouts) -> None:
        self._layouts = layouts

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """Exact positions (B, S, K, H+1, 2); all futures are equal, none is random."""
        limit = np.full(2, sim.MAX_STEP)
        steps = to_units(actions, -limit, limit)
        present = state[:, -1].detach().cpu().numpy().astype(np.float64)
        present = _push_out(present[:, None], self._layouts)
        position = np.broadcast_to(present, (*steps.shape[:2], 2))
        visited = [position]
        for time in range(steps.shape[2]):
            position = sim.move(position, steps[:, :, time], self._layouts)
            visited.append(position)
        states = torch.from_numpy(np.stack(visited, 2)).to(state)
        states = states[:, :, None].expand(-1, -1, futures, -1, -1)
        return Trajectory(states=states, actions=actions)


def _push_out(points: np.ndarray, layouts: sim.Layouts) -> np.ndarray:
    """Undo the rounding of (B, S, 2) positions that touch the dividing wall.

    Without it a position that float32 put a millionth of a pixel inside a wall would
    count as inside and could walk through.
    """
    wall, door = layouts.wall[:, None], layouts.door[:, None]
    half, gap = sim.WALL_HALF + sim.RADIUS, sim.DOOR_HALF - sim.RADIUS
    x, y = points[..., 0] - wall, points[..., 1] - door
    solid = (np.abs(x) < half) & (np.abs(y) > gap)
    at_face = solid & (np.abs(x) > half - ROUNDING)
    at_jamb = solid & ~at_face & (np.abs(y) < gap + ROUNDING)
    x = np.where(at_face, np.sign(x) * (half + sim.CONTACT), x)
    y = np.where(at_jamb, np.sign(y) * (gap - sim.CONTACT), y)
    return np.stack([x + wall, y + door], -1)


class StraightPolicy:
    """The greedy floor: the longest step straight towards the goal."""

    def __init__(self, goal: np.ndarray) -> None:
        """Take goal positions (B, 2), pixels."""
        self._goal = goal

    def reset(self, seeds: Sequence[int]) -> None:
        """Nothing to do: the policy is deterministic and keeps no state."""

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 2) displacements, pixels."""
        return sim.clip_step(self._goal - labels["position"]).astype(np.float32)


class ExpertPolicy:
    """The ceiling without search: the longest step along the shortest way."""

    def __init__(self, goal: np.ndarray) -> None:
        """Take goal positions (B, 2), pixels."""
        self._goal = goal

    def reset(self, seeds: Sequence[int]) -> None:
        """Nothing to do: the policy is deterministic and keeps no state."""

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 2) displacements, pixels."""
        layouts = sim.Layouts(
            wall=labels["wall"].astype(np.float64),
            door=labels["door"].astype(np.float64),
        )
        position = labels["position"].astype(np.float64)
        corner = next_corner(position, self._goal, layouts, WAYPOINT_CLEARANCE)
        return sim.clip_step(corner - position).astype(np.float32)
