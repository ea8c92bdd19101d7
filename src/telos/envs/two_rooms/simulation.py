"""Batched physics and rendering of two rooms, in plain numpy.

A disc agent moves on a 64 x 64 pixel floor that a vertical wall with one door divides.
The action is a displacement of at most ``MAX_STEP`` pixels. Collision is swept: the
agent stops where its path first touches the wall, so that no step is long enough to
jump it and no step clips a corner.

Coordinates are pixels, x to the right and y downwards; ``(0.5, 0.5)`` is the centre of
the top-left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telos.envs.appearance import appearance
from telos.envs.factors import Look

SIZE = 64
"""Side of the floor and of the image, pixels."""
BORDER = 2.0
"""Thickness of the outer walls, pixels."""
WALL_HALF = 1.5
"""Half the thickness of the dividing wall, pixels."""
DOOR_HALF = 4.0
"""Half the height of the door, pixels."""
RADIUS = 1.0
"""Radius of the agent that collides, pixels."""
MAX_STEP = 1.8
"""Longest displacement of one step, pixels."""
DOT_SIGMA = 1.3
"""Spread of the drawn dot, pixels: wide enough to localise it between pixels."""
DOT_REACH = 4.0
"""The dot is drawn into pixels within so many spreads of its centre."""
CONTACT = 1e-3
"""Gap kept at a contact, pixels, so that the agent can leave the wall again."""

WALL_RANGE = (20.0, 44.0)
"""Wall positions of random layouts, pixels."""
DOOR_RANGE = (10.0, 54.0)
"""Door positions of random layouts, pixels."""
FIXED_LAYOUT = (32.0, 22.0)
"""Wall and door position of the fixed layout, pixels."""
FACTORS = appearance(SIZE, "px")
"""How rooms may look; a camera's y grows downwards, as all y do here."""
TEST_CELL = 5
"""Every fifth cell of a 2-pixel checker of layouts belongs to the test split."""


@dataclass(frozen=True, kw_only=True)
class Layouts:
    """Wall and door of B environments."""

    wall: np.ndarray
    """(B,) x of the middle of the dividing wall, pixels."""
    door: np.ndarray
    """(B,) y of the middle of the door, pixels."""


def is_test_layout(wall: np.ndarray, door: np.ndarray) -> np.ndarray:
    """(B,) whether a layout is kept for evaluation.

    Layout space is cut into 2 x 2 pixel cells, of which a fifth, spread evenly, is
    never shown in training.
    """
    cell = np.floor(wall / 2).astype(int) + 2 * np.floor(door / 2).astype(int)
    return cell % TEST_CELL == 0


def sample_layout(rng: np.random.Generator, split: str) -> tuple[float, float]:
    """Wall and door positions of one episode from the ``train`` or ``test`` split."""
    while True:
        wall, door = rng.uniform(*WALL_RANGE), rng.uniform(*DOOR_RANGE)
        kept = bool(is_test_layout(np.array(wall), np.array(door)))
        if kept == (split == "test"):
            return float(wall), float(door)


def sample_position(
    rng: np.random.Generator, wall: float, side: int | None = None
) -> np.ndarray:
    """(2,) free position; ``side`` 0 is left of the wall, 1 right, None either."""
    low = BORDER + RADIUS + 1.0
    high = SIZE - low
    left = (low, wall - WALL_HALF - RADIUS - 1.0)
    right = (wall + WALL_HALF + RADIUS + 1.0, high)
    if side is None:
        widths = left[1] - left[0], right[1] - right[0]
        side = int(rng.uniform() * sum(widths) > widths[0])
    x = rng.uniform(*(right if side else left))
    return np.array([x, rng.uniform(low, high)])


def clip_step(actions: np.ndarray) -> np.ndarray:
    """(..., 2) displacements shortened to ``MAX_STEP``, direction kept."""
    norm = np.linalg.norm(actions, axis=-1, keepdims=True)
    return actions * np.minimum(1.0, MAX_STEP / np.maximum(norm, 1e-9))


def move(positions: np.ndarray, actions: np.ndarray, layouts: Layouts) -> np.ndarray:
    """Where (B, ..., 2) agents are after (B, ..., 2) displacements.

    The agent is a point against walls grown by its radius. Each wall is a box; the path
    is cut where it first enters a box (slab method).
    """
    delta = clip_step(np.broadcast_to(actions, positions.shape))
    fraction = np.ones(positions.shape[:-1])
    for low, high in _grown_boxes(layouts, positions.ndim - 2):
        fraction = np.minimum(fraction, _entry(positions, delta, low, high))
    length = np.linalg.norm(delta, axis=-1)
    fraction = np.where(
        fraction < 1, np.maximum(fraction - CONTACT / np.maximum(length, 1e-9), 0), 1.0
    )
    inside = BORDER + RADIUS + CONTACT
    return np.clip(positions + fraction[..., None] * delta, inside, SIZE - inside)


def _grown_boxes(layouts: Layouts, extra: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two halves of the dividing wall, grown by the agent's radius."""
    shape = (-1, *([1] * extra))
    wall, door = layouts.wall.reshape(shape), layouts.door.reshape(shape)
    left, right = wall - WALL_HALF - RADIUS, wall + WALL_HALF + RADIUS
    gap = DOOR_HALF - RADIUS
    far = np.full_like(door, 1e6)
    upper = np.stack([left, -far], -1), np.stack([right, door - gap], -1)
    lower = np.stack([left, door + gap], -1), np.stack([right, far], -1)
    return [upper, lower]


def _entry(
    start: np.ndarray, delta: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Fraction of the path after which it enters a box; 1 where it does not."""
    safe = np.where(np.abs(delta) < 1e-12, 1e-12, delta)
    first, second = (low - start) / safe, (high - start) / safe
    enter = np.minimum(first, second).max(-1)
    leave = np.maximum(first, second).min(-1)
    hit = (enter < leave) & (leave > 0) & (enter < 1) & (enter > -1e-9)
    return np.where(hit, np.maximum(enter, 0.0), 1.0)


def render_walls(layouts: Layouts, camera: np.ndarray | None = None) -> np.ndarray:
    """(B, 64, 64) share of each pixel that wall covers, in [0, 1].

    What lies outside of the rooms counts as wall; a camera is shifted by (B, 2) pixels.
    """
    x, y = np.zeros((2, 1)) if camera is None else camera.T

    def covered(low: np.ndarray, high: np.ndarray, shift: np.ndarray) -> np.ndarray:
        edges = shift[:, None] + np.arange(SIZE + 1)
        low, high = np.reshape(low, (-1, 1)), np.reshape(high, (-1, 1))
        share = np.minimum(edges[:, 1:], high) - np.maximum(edges[:, :-1], low)
        return np.clip(share, 0, 1)

    column = covered(layouts.wall - WALL_HALF, layouts.wall + WALL_HALF, x)
    gap = covered(layouts.door - DOOR_HALF, layouts.door + DOOR_HALF, y)
    wall = (1 - gap)[:, :, None] * column[:, None, :]
    ends = np.array([BORDER]), np.array([SIZE - BORDER])
    inner = covered(*ends, y)[:, :, None] * covered(*ends, x)[:, None]
    return np.maximum(wall, 1 - inner)


def render_background(layouts: Layouts, look: Look) -> np.ndarray:
    """(B, 64, 64, 3) uint8 floor and walls, constant over an episode, without light."""
    wall = render_walls(layouts, look.camera).astype(np.float32)[..., None]
    floor, brick = (look.colour(n)[:, None, None] for n in ("floor", "wall"))
    return np.rint(255 * (floor + wall * (brick - floor))).astype(np.uint8)


def draw_dots(background: np.ndarray, positions: np.ndarray, look: Look) -> np.ndarray:
    """(B, 64, 64, 3) uint8 images: an anti-aliased dot at (B, 2) positions.

    Only a patch around each dot is touched; beyond it the dot's brightness is below
    half a grey level.
    """
    images = background.copy()
    positions = positions - look.camera
    sigma = DOT_SIGMA * look.number("agent_size")[:, None, None]
    reach = int(np.floor(DOT_REACH * sigma.max()))
    corner = np.floor(positions).astype(int) - reach
    grid = corner[:, :, None] + np.arange(2 * reach + 1)
    profile = np.exp(-0.5 * ((grid + 0.5 - positions[:, :, None]) / sigma) ** 2)
    # Where dots differ in size, a small one must not know how large the others are.
    profile[np.abs(grid - corner[:, :, None] - reach) > np.floor(DOT_REACH * sigma)] = 0
    profile[(grid < 0) | (grid >= SIZE)] = 0.0
    grid = np.clip(grid, 0, SIZE - 1)
    weight = profile[:, 1, :, None] * profile[:, 0, None, :]
    rows, columns = grid[:, 1, :, None], grid[:, 0, None, :]
    batch = np.arange(len(positions))[:, None, None]
    drawn = np.nonzero(weight > 0)
    index = (
        np.broadcast_to(batch, weight.shape)[drawn],
        np.broadcast_to(rows, weight.shape)[drawn],
        np.broadcast_to(columns, weight.shape)[drawn],
    )
    under = images[index].astype(np.float32)
    colour = look.colour("agent")[index[0]]
    over = under + weight[drawn][:, None] * (255 * colour - under)
    images[index] = np.rint(over).astype(np.uint8)
    return look.shine(images)
