"""The grid of MiniGrid's FourRooms: walls, moves, shortest ways.

Cells are numbered by column x and row y from the top left; a direction is 0 right,
1 down, 2 left, 3 up. A pose is (x, y, direction). The three actions are: turn left,
turn right, step forward, which does nothing in front of a wall.

Source: the environment ``MiniGrid-FourRooms-v0`` of minigrid (Chevalier-Boisvert et al.
2023); its rooms, its numbering and its moves, without objects.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SIDE = 19
"""Cells of a side, walls included."""
MIDDLE = SIDE // 2
"""Column and row of the inner walls."""
LEFT, RIGHT, FORWARD = range(3)
ACTIONS = 3
STEPS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
"""Direction -> change of x and y by a step forward."""
TEST_EVERY = 5
"""Layouts whose door numbers add up to a multiple of this are kept for evaluation."""


def draw_doors(rng: np.random.Generator, split: str) -> np.ndarray:
    """(4,) doors of one layout: row of the upper and lower one in the upright wall,
    column of the left and right one in the level wall."""
    while True:
        near, far = rng.integers(1, MIDDLE, 2), rng.integers(MIDDLE + 1, SIDE - 1, 2)
        doors = np.array([near[0], far[0], near[1], far[1]])
        if (doors.sum() % TEST_EVERY == 0) == (split == "test"):
            return doors


def walls_of(doors: np.ndarray) -> np.ndarray:
    """(B, 19, 19) bool by row and column, of doors (B, 4)."""
    walls = np.zeros((len(doors), SIDE, SIDE), bool)
    for line in (0, MIDDLE, SIDE - 1):
        walls[:, line] = walls[:, :, line] = True
    rows = np.arange(len(doors))
    for index in range(2):
        walls[rows, doors[:, index], MIDDLE] = False
        walls[rows, MIDDLE, doors[:, 2 + index]] = False
    return walls


def draw_cell(rng: np.random.Generator, walls: np.ndarray) -> np.ndarray:
    """(2,) x and y of a free cell of walls (19, 19)."""
    cells = np.argwhere(~walls)
    return cells[rng.integers(len(cells))][::-1]


def room_of(cell: np.ndarray) -> tuple[bool, ...]:
    """Which room a cell (2,) lies in; a door belongs to the room after it."""
    return tuple((cell >= MIDDLE).tolist())


def one_hot(actions: np.ndarray) -> np.ndarray:
    """(B, 3) float32 actions of numbers (B,)."""
    return np.eye(ACTIONS, dtype=np.float32)[actions]


class Moves:
    """The moves in B grids as one function: the simulation and its exact dynamics."""

    def __init__(self, walls: np.ndarray) -> None:
        """Take walls (B, 19, 19)."""
        self._walls = torch.from_numpy(walls)
        self._ahead = torch.from_numpy(STEPS)

    def __call__(self, poses: Tensor, actions: Tensor) -> Tensor:
        """Next poses (B, S, 3) after actions (B, S, 3), of which the largest counts."""
        place, direction = poses[..., :2].round().long(), poses[..., 2].round().long()
        action = actions.argmax(-1)
        there = place + self._ahead[direction]
        grids = torch.arange(len(self._walls))[:, None]
        free = ~self._walls[grids, there[..., 1], there[..., 0]] & (action == FORWARD)
        place = torch.where(free[..., None], there, place)
        turn = (action == RIGHT).long() - (action == LEFT).long()
        direction = torch.remainder(direction + turn, 4)
        return torch.cat([place, direction[..., None]], -1).to(poses)


def cells_to(walls: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """(B, 19, 19) cells to go from each cell to goals (B, 2); infinite in walls."""
    ways = np.where(walls, np.inf, np.float64(SIDE * SIDE))
    ways[np.arange(len(goals)), goals[:, 1], goals[:, 0]] = 0.0
    while True:
        near = [np.roll(ways, shift, axis) for shift in (1, -1) for axis in (1, 2)]
        shorter = np.where(walls, np.inf, np.minimum(ways, np.min(near, 0) + 1.0))
        if np.array_equal(shorter, ways):
            return ways
        ways = shorter


def actions_to(walls: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """(B, 4, 19, 19) actions needed from each direction and cell to goals (B, 2)."""
    blocked = np.broadcast_to(walls[:, None], (len(walls), 4, SIDE, SIDE))
    needed = np.where(blocked, np.inf, np.float64(4 * SIDE * SIDE))
    needed[np.arange(len(goals)), :, goals[:, 1], goals[:, 0]] = 0.0
    while True:
        turned = np.minimum(np.roll(needed, 1, 1), np.roll(needed, -1, 1))
        ahead = np.stack(
            [np.roll(needed[:, d], (-y, -x), (1, 2)) for d, (x, y) in enumerate(STEPS)],
            1,
        )
        fewer = np.minimum(needed, np.minimum(turned, ahead) + 1.0)
        fewer = np.where(blocked, np.inf, fewer)
        if np.array_equal(fewer, needed):
            return needed
        needed = fewer
