"""Shortest ways in a grid maze, exactly, by a visibility graph.

Seen from its centre, an agent of radius r is a point and every wall cell is a square
grown by r. A shortest way bends only at convex wall corners (Lozano-Perez and Wesley
1979), so the ways between all corners are computed once, and a query adds its two ends.
Growing by a square instead of a disc lengthens a way by at most 0.83 r per corner.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import shortest_path
from scipy.spatial import KDTree

SPACING = 0.05
"""Spacing of the free points to which a point inside a wall is moved, cells."""
_TOUCH = 1e-9
_CHUNK = 4096
"""Queries answered at once, which bounds memory."""


class VisibilityMap:
    """Free space of a maze whose cells have side 1 and whose centre is the origin.

    Row 0 of the map is at the largest y, as in the mazes of gymnasium-robotics.
    """

    def __init__(self, walls: np.ndarray, radius: float) -> None:
        """Prepare queries.

        Args:
            walls: (rows, columns) bool, True where a cell is wall.
            radius: Distance that the agent's centre keeps from walls, below 0.5.
        """
        self.walls = np.asarray(walls, bool)
        self.radius = radius
        centres = cell_centres(self.walls)[self.walls]
        half = 0.5 + radius - _TOUCH
        self._low, self._high = centres - half, centres + half
        self._corners = _convex_corners(self.walls, radius)
        self._ways = self._between_corners()
        self._free = KDTree(self._lattice())

    def length(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """(N,) length of the shortest way between points (N, 2).

        Points inside walls count as the nearest free point; the length is infinite
        where no way exists.
        """
        return self._query(start, goal)[0]

    def next_bend(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """(N, 2) where the shortest way bends first; the goal where it is straight."""
        return self._query(start, goal)[1]

    def is_free(self, points: np.ndarray) -> np.ndarray:
        """(...) whether the agent's centre can be at points (..., 2)."""
        near = points[..., None, :]
        inside = ((near > self._low) & (near < self._high)).all(-1).any(-1)
        rows, columns = self.walls.shape
        extent = np.array([columns, rows]) / 2
        return np.asarray(~inside & (np.abs(points) < extent).all(-1))

    def _between_corners(self) -> np.ndarray:
        """(C, C) shortest ways between all corners."""
        if not len(self._corners):
            return np.zeros((0, 0))
        steps = self._sight(self._corners[:, None], self._corners[None])
        return shortest_path(np.where(np.isinf(steps), 0.0, steps))

    def _query(
        self, start: np.ndarray, goal: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if len(start) > _CHUNK:
            head = self._query(start[:_CHUNK], goal[:_CHUNK])
            tail = self._query(start[_CHUNK:], goal[_CHUNK:])
            return np.concatenate([head[0], tail[0]]), np.concatenate(
                [head[1], tail[1]]
            )
        start, goal = self._snap(start), self._snap(goal)
        first = self._sight(start[:, None], self._corners[None])
        last = self._sight(self._corners[None], goal[:, None])
        bent = first[:, :, None] + self._ways + last[:, None, :]
        bent = bent.min(-1, initial=np.inf)
        straight = self._sight(start, goal)
        best = bent.argmin(-1) if len(self._corners) else np.zeros(len(start), int)
        shorter = straight <= bent.min(-1, initial=np.inf)
        corners = self._corners if len(self._corners) else np.zeros((1, 2))
        bend = np.where(shorter[:, None], goal, corners[best])
        return np.minimum(straight, bent.min(-1, initial=np.inf)), bend

    def _snap(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, np.float64)
        blocked = ~self.is_free(points)
        if not blocked.any():
            return points
        points = points.copy()
        points[blocked] = self._free.data[self._free.query(points[blocked])[1]]
        return points

    def _sight(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Distance along straight lines, infinite where a wall is in between."""
        start, goal = np.broadcast_arrays(start, goal)
        delta = (goal - start)[..., None, :]
        safe = np.where(np.abs(delta) < 1e-12, 1e-12, delta)
        first = (self._low - start[..., None, :]) / safe
        second = (self._high - start[..., None, :]) / safe
        enter = np.minimum(first, second).max(-1)
        leave = np.maximum(first, second).min(-1)
        hit = (enter < leave) & (leave > 0) & (enter < 1)
        return np.where(hit.any(-1), np.inf, np.linalg.norm(goal - start, axis=-1))

    def _lattice(self) -> np.ndarray:
        rows, columns = self.walls.shape
        x = np.arange(-columns / 2, columns / 2, SPACING) + SPACING / 2
        y = np.arange(-rows / 2, rows / 2, SPACING) + SPACING / 2
        points = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        return points[self.is_free(points)]


def cell_centres(walls: np.ndarray) -> np.ndarray:
    """(rows, columns, 2) x and y of the middle of every cell."""
    rows, columns = walls.shape
    x = np.arange(columns) + 0.5 - columns / 2
    y = rows / 2 - np.arange(rows) - 0.5
    return np.stack(np.meshgrid(x, y), -1)


def _convex_corners(walls: np.ndarray, radius: float) -> np.ndarray:
    """(C, 2) points that an agent touches when it turns around a wall corner."""
    rows, columns = walls.shape
    found = []
    for i in range(1, rows):
        for j in range(1, columns):
            block = walls[i - 1 : i + 1, j - 1 : j + 1]
            if block.sum() != 1:
                continue
            row, column = np.argwhere(block)[0]
            away = np.array([1 - 2 * column, 2 * row - 1])
            vertex = np.array([j - columns / 2, rows / 2 - i])
            found.append(vertex + radius * away)
    return np.array(found).reshape(-1, 2)
