"""The point maze against the registered environment and against its own state."""

import numpy as np
import pytest

pytest.importorskip("gymnasium_robotics")

import gymnasium
import torch

from telos.envs import NotOfferedError, make_world
from telos.envs.headless import prefer_headless
from telos.envs.point_maze import PointMaze
from telos.envs.world import TransparentWorld

if prefer_headless() is None:
    pytest.skip("no GL library for MuJoCo", allow_module_level=True)


@pytest.fixture(scope="module")
def world():
    made = PointMaze(3)
    yield made
    made.close()


def test_physics_are_those_of_the_registered_environment(world):
    env = gymnasium.make("PointMaze_UMaze-v3").unwrapped
    env.reset(seed=0)
    world.reset([0, 1, 2])
    start = world.exact_state()[0, 0]
    env.point_env.set_state(start[:2], start[2:])
    rng = np.random.default_rng(0)
    action = np.zeros(2)
    for time in range(150):
        if time % 25 == 0:  # long pushes, so that it runs into walls at full speed
            action = rng.uniform(-1, 1, 2)
        observed = env.step(action)[0]["observation"]
        for state in world._states[:1]:
            world._scene.advance(state, action, 1)
        np.testing.assert_allclose(world.exact_state()[0, 0], observed, atol=1e-9)
    env.close()


def test_an_episode_depends_on_its_seed_and_not_on_its_batch(world):
    def last(made, seeds):
        policy = made.behaviour("mixed")
        step = made.reset(seeds)
        policy.reset(seeds)
        for _ in range(5):
            step = made.step(policy.act(step.observations, step.labels))
        return step, made.sample_goals("far", seeds)

    together, goals = last(world, [7, 8, 9])
    single = PointMaze(1)
    alone, goal = last(single, [8])
    single.close()
    for name in ("pixels", "proprio"):
        np.testing.assert_array_equal(
            together.observations[name][1], alone.observations[name][0]
        )
    np.testing.assert_array_equal(
        goals.labels["position"][1], goal.labels["position"][0]
    )


def ball_in(pixels):
    """(64, 64) how much of the ball each pixel shows."""
    red, green, blue = np.moveaxis(pixels.astype(float), -1, 0)
    return np.clip(green - np.maximum(red, blue), 0, None)


def centre_of(pixels):
    """x and y of the ball, pixels."""
    weight, centres = ball_in(pixels), np.arange(64) + 0.5
    x = (weight.sum(0) * centres).sum() / weight.sum()
    y = (weight.sum(1) * centres).sum() / weight.sum()
    return x, y


def test_the_ball_can_be_localised_in_the_picture(world):
    world.reset([0, 1, 2])
    for place in ([-1.0, 1.0], [0.13, 0.87], [1.21, -0.4]):
        pixels = world.goal_at(np.tile(place, (3, 1))).observations["pixels"][0]
        assert (ball_in(pixels) > 20).sum(0).max() >= 4, "at least 4 pixels across"
        expected = world._scene.to_pixels(np.array(place))
        np.testing.assert_allclose(centre_of(pixels), expected, atol=0.1)


@pytest.mark.parametrize("repeat", [1, 5])
def test_a_fast_ball_is_drawn_where_the_label_says_that_it_is(repeat):
    """At 4 m/s a simulator step is half a pixel: none may lie between the two."""
    made = PointMaze(1, action_repeat=repeat)
    made.reset([0])
    still = made._scene.to_pixels(np.array([[0.0, 0.0], [0.04, 0.0]]))
    assert np.ptp(still[:, 0]) > 0.4
    for velocity in ([4.0, 0.0], [-3.0, 0.0]):
        made._scene.restart(made._states[0], np.array([0.1, 1.0]), np.array(velocity))
        for _ in range(3):
            step = made.step(np.zeros((1, 2)))
            expected = made._scene.to_pixels(step.labels["position"][0])
            found = centre_of(step.observations["pixels"][0])
            np.testing.assert_allclose(found, expected, atol=0.1)
    made.close()


def test_the_maze_can_be_seen(world):
    step = world.reset([0, 1, 2])
    red = step.observations["pixels"][0, ..., 0].astype(float)
    cells = np.array([[1.0, 0.0], [-1.0, 0.0], [-1.0, 1.9]])  # floor, wall, rim
    x, y = world._scene.to_pixels(cells).astype(int).T
    floor, wall, rim = red[y, x]
    assert wall - floor > 80
    assert rim - floor > 80


def test_ways_around_the_wall_have_the_length_computed_by_hand(world):
    world.reset([0, 1, 2])
    places = np.array([[-1.0, 1.0], [-1.0, 1.0], [0.0, 1.0]])
    goals = np.array([[-1.0, -1.0], [1.0, 1.0], [1.0, 0.0]])
    goal = world.goal_at(goals)
    labels = {"position": places}
    upper = np.array([0.5 + 0.1, 0.5 + 0.1])
    leg = np.linalg.norm(upper - places[0])
    around = np.linalg.norm(upper - places[2]) + np.linalg.norm(goals[2] - upper)
    expected = [2 * leg + 1.2, 2.0, around]
    np.testing.assert_allclose(world.path_length(labels, goal), expected, atol=1e-6)
    np.testing.assert_allclose(world.distance(labels, goal), [2, 2, np.sqrt(2)])


def test_a_decoded_position_inside_a_wall_has_a_finite_way(world):
    world.reset([0, 1, 2])
    goal = world.goal_at(np.tile([1.0, 1.0], (3, 1)))
    inside = {"position": np.array([[-1.0, 0.0], [9.0, 9.0], [0.0, 0.1]])}
    assert np.isfinite(world.path_length(inside, goal)).all()


def test_the_expert_arrives_where_greedy_runs_into_the_wall(world, monkeypatch):
    frame = np.zeros((64, 64, 3), np.uint8)
    monkeypatch.setattr(world._scene, "render", lambda *shown: frame)
    seeds = [0, 1, 2]
    reached = {}
    for name in ("greedy", "expert"):
        step = world.reset(seeds)
        goal = world.goal_at(_opposite(world))
        policy = getattr(world, name)(goal)
        for _ in range(300):
            step = world.step(policy.act(step.observations, step.labels))
        reached[name] = world.distance(step.labels, goal) < world.success_radius
    assert reached["expert"].all()
    assert reached["greedy"].mean() < 1


def _opposite(world):
    """The end of the other arm of the U."""
    y = np.where(world._positions()[:, 1] > 0, -1.0, 1.0)
    return np.stack([np.full(3, -1.0), y], -1)


def test_action_repeat_holds_the_action(world):
    slow = PointMaze(1, action_repeat=5)
    assert slow.spec.max_steps == 60
    slow.reset([0])
    world.reset([0, 1, 2])
    for _ in range(5):
        world.step(np.full((3, 2), 0.3))
    slow.step(np.full((1, 2), 0.3))
    np.testing.assert_allclose(slow.exact_state()[0], world.exact_state()[0])
    slow.close()


def test_a_zone_is_kept_out_of_starts_and_goals_and_measured():
    zone = {"shape": "disc", "x": 1.0, "y": 0.0, "radius": 0.3}
    made = make_world("PointMaze_UMaze-v3", 2, zone=zone)
    step = made.reset([0, 1])
    expected = np.linalg.norm(step.labels["position"] - [1.0, 0.0], axis=-1) - 0.3
    np.testing.assert_allclose(step.margins["zone"], expected, atol=1e-6)
    assert made.layout()[0]["zone_radius"] == 0.3
    made.close()


def test_exact_dynamics_are_not_offered(world):
    world.reset([0, 1, 2])
    with pytest.raises(NotOfferedError, match="expert"):
        world.oracle(world.goal_at(np.zeros((3, 2))))


def test_the_simulator_imagines_what_happens(world):
    assert isinstance(world, TransparentWorld)
    world.reset([0, 1, 2])
    goal = world.sample_goals("random", [0, 1, 2])
    dynamics, metric = world.simulator(goal)
    rng = np.random.default_rng(0)
    # Long pushes from the middle of a free run, so that walls are hit at full speed.
    pushes = np.repeat(rng.uniform(-1, 1, (3, 2, 4, 2)), 25, axis=2)
    for push in pushes[:, 0, ::25].swapaxes(0, 1):
        world.step(push)
    state = torch.from_numpy(world.exact_state()).float()
    actions = torch.from_numpy(pushes).float()
    imagined = dynamics.rollout(state, actions, futures=2)
    assert imagined.states.shape == (3, 2, 2, 101, 4)
    way = metric(imagined)
    for time in range(100):
        step = world.step(pushes[:, 1, time])
        expected = imagined.states[:, 1, 0, time + 1].numpy()
        np.testing.assert_allclose(world.exact_state()[:, 0], expected, atol=2e-4)
        length = world.path_length(step.labels, goal)
        np.testing.assert_allclose(way[:, 1, 0, time].numpy(), length, atol=1e-3)


def test_imagined_states_look_as_they_would(world):
    steps = [world.reset([0, 1, 2]), world.step(np.ones((3, 2)))]
    states = [world.exact_state() for _ in steps[1:]]
    world.step(np.zeros((3, 2)))
    shown = world.show(np.concatenate([*states, world.exact_state()], 1))
    assert shown["pixels"].shape == (3, 2, 64, 64, 3)
    for name, values in steps[1].observations.items():
        np.testing.assert_array_equal(shown[name][:, 0], values)


def test_another_environment_is_no_point_maze():
    with pytest.raises(ValueError, match="no point maze"):
        PointMaze(1, maze="Pendulum-v1")


def test_an_unknown_maze_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="PointMaze_Medium-v3"):
        make_world("PointMaze_Moon-v3")
