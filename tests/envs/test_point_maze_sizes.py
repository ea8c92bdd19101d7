"""Medium and large mazes, flat pictures, states instead of pictures, factors."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("gymnasium_robotics")

from telos.envs import make_world
from telos.envs.headless import prefer_headless
from telos.envs.point_maze import PointMaze
from telos.envs.point_maze.picture import ball_of, view_of
from telos.evaluation.extents import extent_of

FLAT = {"drawing": "flat"}
SEEDS = [0, 1, 2]
needs_gl = pytest.mark.skipif(
    prefer_headless() is None, reason="no GL library for MuJoCo"
)


def breadth_first(walls, start):
    """Cells to go from one cell to every other, -1 where there is no way."""
    away, todo = np.full(walls.shape, -1), [start]
    away[start] = 0
    for cell in todo:
        for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            there = cell[0] + step[0], cell[1] + step[1]
            if not walls[there] and away[there] < 0:
                away[there] = away[cell] + 1
                todo.append(there)
    return away


@pytest.mark.parametrize(
    ("maze", "shape", "free", "steps"),
    [
        ("umaze", (5, 5), 7, 300),
        ("medium", (8, 8), 26, 600),
        ("large", (9, 12), 46, 800),
    ],
)
def test_the_mazes_are_those_of_the_field(maze, shape, free, steps):
    world = make_world("point-maze", 1, maze=maze, sees="state")
    walls = world._scene.walls
    assert walls.shape == shape
    assert (~walls).sum() == free
    assert world.spec.max_steps == steps
    start = tuple(np.argwhere(~walls)[0])
    reached = breadth_first(walls, start) >= 0
    np.testing.assert_array_equal(reached, ~walls)


@pytest.mark.parametrize("maze", ["medium", "large"])
def test_ways_lie_between_straight_lines_and_ways_from_cell_to_cell(maze):
    world = make_world("point-maze", 1, maze=maze, sees="state")
    world.reset([0])
    walls, places = world._scene.walls, world._map
    cells = np.argwhere(~walls)
    rows, columns = walls.shape
    centres = np.stack(
        [cells[:, 1] + 0.5 - columns / 2, rows / 2 - cells[:, 0] - 0.5], -1
    )
    assert places.is_free(centres).all()
    away = breadth_first(walls, tuple(cells[0]))[tuple(cells.T)]
    ways = places.length(np.repeat(centres[:1], len(cells), 0), centres)
    straight = np.linalg.norm(centres - centres[0], axis=-1)
    assert (ways >= straight - 1e-9).all()
    assert (ways <= away + 1e-9).all()
    assert (ways >= 0.6 * away - 1e-9).all()


@pytest.mark.parametrize("maze", ["medium", "large"])
def test_the_expert_arrives(maze):
    world = make_world("point-maze", 3, maze=maze, sees="state", action_repeat=5)
    step = world.reset(SEEDS)
    goal = world.sample_goals("far", SEEDS)
    policy = world.expert(goal)
    for _ in range(world.spec.max_steps):
        step = world.step(policy.act(step.observations, step.labels))
    assert (world.distance(step.labels, goal) < world.success_radius).all()


@pytest.mark.parametrize("options", [FLAT, {"sees": "state"}], ids=["flat", "state"])
@pytest.mark.parametrize("maze", ["umaze", "large"])
def test_an_episode_depends_on_its_seed_and_not_on_its_batch(maze, options):
    factors = {"agent_colour": "random", "wall_colour": "random", "camera_y": "random"}
    options = {**options, "maze": maze, "factors": factors}
    batch, single = (make_world("point-maze", n, **options) for n in (3, 1))
    shown = []
    for world, seeds in ((batch, SEEDS), (single, SEEDS[1:2])):
        policy, step = world.behaviour("mixed"), world.reset(seeds)
        policy.reset(seeds)
        for _ in range(6):
            step = world.step(policy.act(step.observations, step.labels))
        goal = world.sample_goals("far", seeds)
        shown.append((step.observations, goal.observations, step.labels))
    for many, one in zip(*shown, strict=True):
        assert set(many) == set(one)
        for name, values in many.items():
            np.testing.assert_array_equal(values[1], one[name][0])
    assert batch.layout()[1] == single.layout()[0] != batch.layout()[0]


def test_states_are_positions_and_velocities():
    world = make_world("point-maze", 3, maze="medium", sees="state")
    world.reset(SEEDS)
    step = world.step(np.ones((3, 2)))
    assert set(step.observations) == set(world.spec.streams) == {"state"}
    both = np.concatenate([step.labels["position"], step.labels["velocity"]], -1)
    np.testing.assert_array_equal(step.observations["state"], both)
    shown = world.show(world.exact_state())
    np.testing.assert_allclose(shown["state"][:, 0], both, atol=1e-6)


@pytest.mark.parametrize("maze", ["umaze", "medium", "large"])
def test_a_flat_ball_is_where_the_label_says(maze):
    world = make_world("point-maze", 3, maze=maze, **FLAT)
    step = world.reset(SEEDS)
    nothing = world._picture._background.astype(float)
    ball = np.abs(step.observations["pixels"] - nothing).sum(-1)
    left, right, top, bottom = extent_of(world.spec)
    assert right - left == view_of(world._scene.walls)
    x = left + (np.arange(64) + 0.5) / 64 * (right - left)
    y = top + (np.arange(64) + 0.5) / 64 * (bottom - top)
    total = ball.sum((1, 2))
    found = np.stack(
        [(ball.sum(1) * x).sum(1) / total, (ball.sum(2) * y).sum(1) / total], -1
    )
    radius = ball_of(world._scene.walls)
    np.testing.assert_allclose(found, step.labels["position"], atol=0.3 * radius)


def test_imagined_states_look_as_they_would_when_flat():
    world = make_world("point-maze", 3, factors={"brightness": "random"}, **FLAT)
    world.reset(SEEDS)
    step = world.step(np.ones((3, 2)))
    states = world.exact_state()
    world.step(np.zeros((3, 2)))
    shown = world.show(np.concatenate([states, world.exact_state()], 1))
    assert shown["pixels"].shape == (3, 2, 64, 64, 3)
    for name, values in step.observations.items():
        np.testing.assert_array_equal(shown[name][:, 0], values)


@needs_gl
@pytest.mark.parametrize("maze", ["umaze", "medium", "large"])
def test_flat_walls_are_where_mujoco_draws_them(maze):
    frames = []
    for drawing in ("mujoco", "flat"):
        world = make_world("point-maze", 1, maze=maze, drawing=drawing)
        frames.append(world.reset([0]).observations["pixels"][0].astype(int))
        world.close()
    walls = [frame[..., 0] > frame[..., 2] + 15 for frame in frames]
    # Only pixels that an edge crosses, and the ball, may be seen differently.
    assert (walls[0] != walls[1]).mean() < 0.03


@needs_gl
def test_mujoco_shows_factors_too():
    option = {"wall_colour": [0, 0, 200], "camera_x": 0.2, "brightness": 0.6}
    worlds = [PointMaze(2), PointMaze(2, factors=option)]
    frames = [world.reset([0, 1]).observations["pixels"] for world in worlds]
    blue = frames[1][:, 2, 2, 2] > frames[1][:, 2, 2, 0]
    assert blue.all()
    assert worlds[1].layout()[0]["camera_x"] == pytest.approx(0.2)
    goal = worlds[1].goal_at(worlds[1]._positions()).observations["pixels"]
    np.testing.assert_array_equal(goal, frames[1])
    for world in worlds:
        world.close()


def test_wrong_options_are_refused():
    for options, message in (
        ({"sees": "sound"}, "'pixels', 'state'"),
        ({"drawing": "oil"}, "'mujoco', 'flat'"),
        ({"maze": "huge"}, "umaze, medium, large"),
        ({"factors": {"mark_colour": "random"}}, "unknown factor"),
    ):
        with pytest.raises(ValueError, match=message):
            make_world("point-maze", 1, **options)
