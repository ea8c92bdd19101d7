"""Physics, ways and pictures of two rooms against brute force and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from telos.envs.factors import draw_look
from telos.envs.two_rooms import simulation as sim
from telos.envs.two_rooms.geodesic import next_corner, path_length

HALF = sim.WALL_HALF + sim.RADIUS
GAP = sim.DOOR_HALF - sim.RADIUS


def layouts(wall: float, door: float) -> sim.Layouts:
    return sim.Layouts(wall=np.array([wall]), door=np.array([door]))


def crosses_solid(a: np.ndarray, b: np.ndarray, wall: float, door: float) -> bool:
    """Dense sampling of a segment against the wall grown by the agent's radius."""
    points = a + np.linspace(0, 1, 501)[:, None] * (b - a)
    beside = np.abs(points[:, 1] - door) > GAP + 1e-9
    return bool((beside & (np.abs(points[:, 0] - wall) < HALF - 1e-9)).any())


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    angle=st.floats(-np.pi, np.pi),
    length=st.floats(0.0, 20.0),
)
def test_a_long_step_never_passes_through_the_wall(seed, angle, length):
    # The step limit is lifted, so that a step could jump the wall if it were not swept.
    rng = np.random.default_rng(seed)
    wall, door = sim.sample_layout(rng, "train")
    start = sim.sample_position(rng, wall)
    step = length * np.array([np.cos(angle), np.sin(angle)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sim, "MAX_STEP", 20.0)
        end = sim.move(start[None], step[None], layouts(wall, door))[0]
    assert not crosses_solid(start, end, wall, door)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_many_steps_around_the_door_never_enter_a_wall(seed):
    rng = np.random.default_rng(seed)
    wall, door = sim.sample_layout(rng, "train")
    near = np.array([wall - HALF - 1.0, door])
    position = near + rng.uniform(-1, 1, 2) * np.array([0.9, 5.0])
    for _ in range(60):
        step = rng.uniform(-2.5, 2.5, 2)
        moved = sim.move(position[None], step[None], layouts(wall, door))[0]
        assert not crosses_solid(position, moved, wall, door)
        position = moved


def test_a_diagonal_past_the_corner_is_stopped_and_a_straight_way_is_not():
    wall, door = 32.0, 22.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sim, "MAX_STEP", 20.0)
        # Ends free behind the wall, but cuts its corner: an end-point test would pass.
        clipped = sim.move(
            np.array([[29.0, 17.0]]), np.array([[3.4, 5.0]]), layouts(wall, door)
        )[0]
        through = sim.move(
            np.array([[26.0, 22.0]]), np.array([[12.0, 0.0]]), layouts(wall, door)
        )[0]
    assert clipped[0] <= wall - HALF
    assert clipped[1] < 19.0
    np.testing.assert_allclose(through, [38.0, 22.0])


def test_contact_is_where_the_grown_face_is():
    end = sim.move(
        np.array([[29.0, 50.0]]), np.array([[1.5, 0.0]]), layouts(32.0, 22.0)
    )
    np.testing.assert_allclose(end, [[32.0 - HALF, 50.0]], atol=2 * sim.CONTACT)


def test_the_way_through_the_door_has_the_length_computed_by_hand():
    wall, door = layouts(32.0, 32.0).wall, 32.0
    lay = sim.Layouts(wall=wall, door=np.array([door]))
    start, goal = np.array([[10.0, 10.0]]), np.array([[54.0, 10.0]])
    corner = np.array([32.0 - HALF, 32.0 - GAP])
    leg = np.linalg.norm(corner - start[0])
    np.testing.assert_allclose(path_length(start, goal, lay), [2 * leg + 2 * HALF])
    np.testing.assert_allclose(next_corner(start, goal, lay), [corner])
    level = np.array([[10.0, 31.0]]), np.array([[54.0, 33.0]])
    np.testing.assert_allclose(path_length(*level, lay), [np.hypot(44.0, 2.0)])


def grid_distance(start, goals, wall, door, spacing=0.5, reach=4):
    """Dijkstra on a lattice whose edges join all free pairs within a small square."""
    low = sim.BORDER + sim.RADIUS
    axis = np.arange(low, sim.SIZE - low + 1e-9, spacing)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    count = len(axis)
    index = np.arange(count**2).reshape(count, count)
    steps = [
        (i, j)
        for i in range(reach + 1)
        for j in range(-reach, reach + 1)
        if (i, j) > (0, 0) and np.gcd(i, j) == 1
    ]
    rows, columns, weights = [], [], []
    for i, j in steps:
        a = index[: count - i, max(0, -j) : count - max(0, j)].ravel()
        b = index[i:, max(0, j) : count + min(0, j)].ravel()
        shares = np.linspace(0, 1, 9)[:, None, None]
        way = points[a] + shares * (points[b] - points[a])
        inside = np.abs(way[..., 0] - wall) < HALF - 1e-9
        beside = np.abs(way[..., 1] - door) > GAP + 1e-9
        free = ~(inside & beside).any(0)
        rows.append(a[free])
        columns.append(b[free])
        weights.append(np.full(free.sum(), spacing * np.hypot(i, j)))
    data = np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))
    graph = coo_matrix(data, shape=(count**2, count**2)).tocsr()

    def nearest(p):
        return int(np.linalg.norm(points - p, axis=-1).argmin())

    found = dijkstra(graph, directed=False, indices=nearest(start))
    ends = [nearest(g) for g in goals]
    return points[nearest(start)], points[ends], found[ends]


@pytest.mark.parametrize(("wall", "door"), [(32.0, 22.0), (24.5, 45.0), (40.0, 32.0)])
def test_closed_form_ways_agree_with_dijkstra(wall, door):
    rng = np.random.default_rng(int(wall))
    start = sim.sample_position(rng, wall)
    goals = np.stack([sim.sample_position(rng, wall) for _ in range(40)])
    start, goals, expected = grid_distance(start, goals, wall, door)
    lay = sim.Layouts(wall=np.full(40, wall), door=np.full(40, door))
    exact = path_length(np.broadcast_to(start, (40, 2)), goals, lay)
    # A lattice way is never shorter, and with these directions at most 0.8 % longer,
    # plus the detour to the lattice points next to the door's corners.
    assert (exact <= expected + 1e-6).all()
    assert (expected <= 1.008 * exact + 1.0).all()


def test_ways_are_symmetric_broadcast_and_keep_the_triangle_inequality():
    rng = np.random.default_rng(0)
    lay = layouts(30.0, 40.0)
    points = np.stack([sim.sample_position(rng, 30.0) for _ in range(60)])
    a, b, c = points.reshape(3, 1, 20, 2)

    def length(p, q):
        pairs = zip(p[0], q[0], strict=True)
        return np.array([path_length(x[None], y[None], lay)[0] for x, y in pairs])

    np.testing.assert_allclose(length(a, b), length(b, a), atol=1e-9)
    assert (length(a, c) <= length(a, b) + length(b, c) + 1e-9).all()
    many = path_length(a, b[:, 0], lay)
    one = [path_length(p[None], b[:, 0], lay)[0] for p in a[0]]
    np.testing.assert_allclose(many[0], one)


def test_a_point_inside_the_wall_has_a_finite_way():
    inside = np.array([[32.0, 50.0]])
    length = path_length(inside, np.array([[50.0, 50.0]]), layouts(32.0, 22.0))
    assert np.isfinite(length).all()


def test_the_dot_can_be_localised_between_pixels():
    rng = np.random.default_rng(1)
    wall = np.full(64, 44.0)
    positions = rng.uniform([8.0, 8.0], [36.0, 56.0], (64, 2))
    lay = sim.Layouts(wall=wall, door=np.full(64, 32.0))
    look = draw_look(sim.FACTORS, {}, range(64))
    background = sim.render_background(lay, look)
    with_dot = sim.draw_dots(background, positions, look).astype(float)
    without = background.astype(float)
    weight = np.abs(with_dot - without).sum(-1)
    centres = np.arange(sim.SIZE) + 0.5
    total = weight.sum((1, 2))
    x = (weight.sum(1) * centres).sum(1) / total
    y = (weight.sum(2) * centres).sum(1) / total
    np.testing.assert_allclose(np.stack([x, y], -1), positions, atol=0.1)


def test_train_and_test_layouts_never_meet():
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        drawn = np.array([sim.sample_layout(rng, split) for _ in range(300)])
        kept = sim.is_test_layout(drawn[:, 0], drawn[:, 1])
        assert (kept == (split == "test")).all()
    grid = np.stack(np.meshgrid(np.linspace(20, 44, 200), np.linspace(10, 54, 200)), -1)
    share = sim.is_test_layout(grid[..., 0], grid[..., 1]).mean()
    assert 0.15 < share < 0.25
