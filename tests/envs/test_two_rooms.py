"""Two rooms as a world and as a gymnasium environment."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from scipy import ndimage

from telos.envs import GoalWorld, make_world
from telos.envs.two_rooms import TwoRooms
from telos.envs.two_rooms import simulation as sim
from telos.envs.world import TransparentWorld
from telos.types import Dynamics, Objective

SEEDS = list(range(8))


def run(world, policy, seeds, steps):
    step = world.reset(seeds)
    policy.reset(seeds)
    shown = [step]
    for _ in range(steps):
        step = world.step(policy.act(step.observations, step.labels))
        shown.append(step)
    return shown


def track(shown):
    return np.stack([step.labels["position"] for step in shown])


def test_it_is_a_goal_world():
    world = TwoRooms(2)
    assert isinstance(world, GoalWorld)
    dynamics, objective = _with_goal(world)[1]
    assert isinstance(dynamics, Dynamics)
    assert isinstance(objective, Objective)


def _with_goal(world, rule="cross"):
    seeds = SEEDS[: world.num_envs]
    world.reset(seeds)
    goal = world.sample_goals(rule, seeds)
    return goal, world.oracle(goal)


@pytest.mark.parametrize("behaviour", TwoRooms.behaviours)
@pytest.mark.parametrize("zone", [None, "direct"])
def test_an_episode_depends_on_its_seed_and_not_on_its_batch(behaviour, zone):
    batch = TwoRooms(8, zone=zone)
    together = run(batch, batch.behaviour(behaviour), SEEDS, 25)
    for index in (0, 5):
        single = TwoRooms(1, zone=zone)
        alone = run(single, single.behaviour(behaviour), [SEEDS[index]], 25)
        np.testing.assert_array_equal(track(together)[:, index], track(alone)[:, 0])
        np.testing.assert_array_equal(
            together[-1].observations["pixels"][index],
            alone[-1].observations["pixels"][0],
        )
        assert batch.layout()[index] == single.layout()[0]


def test_shown_streams_are_what_the_spec_says():
    world = TwoRooms(3)
    step = world.reset([0, 1, 2])
    for found, expected in (
        (step.observations, world.spec.streams),
        (step.labels, world.spec.labels),
    ):
        assert set(found) == set(expected)
        for name, stream in expected.items():
            assert found[name].shape == (3, *stream.shape)
            assert found[name].dtype == stream.dtype


def test_the_spec_rebuilds_the_world():
    world = TwoRooms(2, layout="fixed", split="test", max_steps=50)
    again = make_world(world.spec.id, 2, **world.spec.options)
    assert again.spec.options == world.spec.options
    np.testing.assert_array_equal(
        again.reset([1, 2]).observations["pixels"],
        world.reset([1, 2]).observations["pixels"],
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_layouts_belong_to_their_split(split):
    world = TwoRooms(40, split=split)
    world.reset(range(40))
    rows = world.layout()
    walls, doors = (np.array([row[k] for row in rows]) for k in ("wall", "door"))
    assert (sim.is_test_layout(walls, doors) == (split == "test")).all()


@pytest.mark.parametrize(("rule", "crosses"), [("cross", True), ("same", False)])
def test_goal_rules_choose_the_room_and_keep_a_distance(rule, crosses):
    world = TwoRooms(8)
    step = world.reset(SEEDS)
    goal = world.sample_goals(rule, SEEDS)
    wall = step.labels["wall"]
    start, target = step.labels["position"][:, 0], goal.labels["position"][:, 0]
    assert (((start < wall) != (target < wall)) == crosses).all()
    assert (world.distance(step.labels, goal) >= 9.0).all()
    straight = world.distance(step.labels, goal)
    assert (world.path_length(step.labels, goal) >= straight - 1e-4).all()


def test_a_goal_picture_is_what_the_agent_sees_when_it_stands_there():
    world = TwoRooms(4)
    world.reset(SEEDS[:4])
    goal = world.sample_goals("same", SEEDS[:4])
    there = world.goal_at(goal.labels["position"])
    world._positions = goal.labels["position"].astype(np.float64)
    step = world.step(np.zeros((4, 2)))
    np.testing.assert_array_equal(
        there.observations["pixels"], step.observations["pixels"]
    )


def test_the_expert_arrives_by_the_shortest_way_and_greedy_does_not():
    world = TwoRooms(8)
    first = world.reset(SEEDS)
    goal = world.sample_goals("cross", SEEDS)
    length = world.path_length(first.labels, goal)
    steps = int(np.ceil(length.max() / sim.MAX_STEP)) + 6
    expert = track(run(world, world.expert(goal), SEEDS, steps))
    assert np.linalg.norm(expert[-1] - goal.labels["position"], axis=-1).max() < 0.1
    walked = np.linalg.norm(np.diff(expert, axis=0), axis=-1).sum(0)
    # It keeps 0.3 px from two corners, each of which costs less than a pixel.
    assert (walked >= length - 1e-3).all()
    assert (walked <= length + 2.0).all()
    greedy = run(world, world.greedy(goal), SEEDS, steps)
    assert (world.distance(greedy[-1].labels, goal) < 4.5).mean() < 0.5


def test_exact_dynamics_predict_the_world():
    world = TwoRooms(4)
    goal, (dynamics, objective) = _with_goal(world)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (4, 3, 30, 2)).astype(np.float32)
    state = torch.from_numpy(world.exact_state())
    imagined = dynamics.rollout(state, torch.from_numpy(actions), futures=2)
    assert imagined.states.shape == (4, 3, 2, 31, 2)
    energy = objective(imagined)
    assert energy.shape == (4, 3, 2, 30)
    for time in range(30):
        step = world.step(actions[:, 1, time] * sim.MAX_STEP)
        expected = imagined.states[:, 1, 0, time + 1].numpy()
        np.testing.assert_allclose(step.labels["position"], expected, atol=1e-4)
        length = world.path_length(step.labels, goal)
        np.testing.assert_allclose(energy[:, 1, 0, time].numpy(), length, atol=1e-3)


def test_imagined_states_look_as_they_would():
    world = TwoRooms(3)
    assert isinstance(world, TransparentWorld)
    shown, states = [world.reset(SEEDS[:3])], [world.exact_state()]
    for _ in range(4):
        shown.append(world.step(np.full((3, 2), 1.3)))
        states.append(world.exact_state())
    frames = world.show(np.concatenate(states, 1))["pixels"]
    expected = np.stack([step.observations["pixels"] for step in shown], 1)
    np.testing.assert_array_equal(frames, expected)


def test_a_float32_state_on_a_wall_cannot_walk_through_it():
    world = TwoRooms(1, layout="fixed")
    dynamics, _ = _with_goal(world)[1]
    face = np.float32(32.0 - sim.WALL_HALF - sim.RADIUS) + np.float32(4e-6)
    state = torch.tensor([[[face, 50.0]]], dtype=torch.float32)
    actions = torch.tensor([1.0, 0.0]).expand(1, 1, 10, 2)
    assert dynamics.rollout(state, actions).states[..., 0].max() < 30.0


def test_mixed_behaviour_often_crosses_the_door():
    world = TwoRooms(100)
    shown = run(world, world.behaviour("mixed"), range(100), 150)
    left = track(shown)[..., 0] < shown[0].labels["wall"]
    assert (left != left[0]).any(0).mean() >= 0.35


def test_visitors_never_stop():
    """Whoever is sent to a place inside the wall, or bumps, goes somewhere else."""
    world = TwoRooms(60)
    shown = run(world, world.behaviour("visit"), range(60), 200)
    path = track(shown)
    moved = np.linalg.norm(np.diff(path, axis=0), axis=-1)
    assert moved.mean() > 0.9
    assert (moved[-60:].sum(0) > 10).all()
    left = path[..., 0] < shown[0].labels["wall"]
    assert (left[1:] != left[:-1]).sum(0).mean() > 4


def test_a_direct_zone_blocks_the_straight_way_and_leaves_another():
    world = TwoRooms(30, zone="direct")
    seeds = range(30)
    step = world.reset(seeds)
    assert (step.margins["zone"] > 3.0).all()
    goal = world.sample_goals("cross", seeds)
    shown = run(world, world.expert(goal), seeds, 80)
    entered = np.min([s.margins["zone"] for s in shown], axis=0) < 0
    assert entered.mean() > 0.9, "the shortest way leads through the zone"
    assert _way_around(world, step.labels["position"], goal).all()
    assert (world.zone.margin(goal.labels["position"]) > 2.0).all()


def _way_around(world, starts, goal):
    """Flood fill of half-pixel cells at a distance of 2 px from the zone."""
    axis = np.arange(0.25, 64, 0.5)
    points = np.stack(np.meshgrid(axis, axis), -1)
    clear = world.zone.margin(np.broadcast_to(points, (30, 128, 128, 2))) > 2.0
    found = []
    for index, row in enumerate(world.layout()):
        offset = np.abs(points - [row["wall"], row["door"]])
        solid = (offset[..., 0] < 2.5) & (offset[..., 1] > 3.0)
        regions, _ = ndimage.label(clear[index] & ~solid)
        ends = starts[index], goal.labels["position"][index]
        here, there = (regions[int(2 * p[1]), int(2 * p[0])] for p in ends)
        found.append(here == there and here > 0)
    return np.array(found)


def test_margins_are_those_of_the_layout():
    world = TwoRooms(2, zone={"shape": "disc", "x": 10, "y": 10, "radius": 3})
    step = world.reset([0, 1])
    assert world.layout()[0]["zone_radius"] == 3.0
    expected = np.linalg.norm(step.labels["position"] - [10, 10], axis=-1) - 3
    np.testing.assert_allclose(step.margins["zone"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: w.step(np.zeros((3, 2))), r"expected \(2, 2\)"),
        (lambda w: w.step(np.full((2, 2), np.nan)), "finite"),
        (lambda w: w.reset([1]), "one non-negative integer per environment"),
        (lambda w: w.reset([1, -1]), "non-negative"),
        (lambda w: w.sample_goals("moon", [0, 1]), "'cross', 'random', 'same'"),
        (lambda w: w.behaviour("fly"), "'mixed'"),
    ],
)
def test_wrong_calls_say_what_was_expected(call, message):
    world = TwoRooms(2)
    world.reset([0, 1])
    with pytest.raises(ValueError, match=message):
        call(world)


def test_stepping_before_reset_says_so():
    with pytest.raises(ValueError, match="reset"):
        TwoRooms(1).step(np.zeros((1, 2)))


def test_a_zone_without_room_says_so():
    world = TwoRooms(1, zone={"shape": "disc", "x": 32, "y": 32, "radius": 60})
    with pytest.raises(ValueError, match="smaller"):
        world.reset([0])


def test_gymnasium_accepts_the_environment():
    env = gymnasium.make("TwoRooms-v0", render_mode="rgb_array").unwrapped
    check_env(env, skip_render_check=False)


def test_the_gymnasium_environment_ends_at_the_goal_and_reports_margins():
    env = gymnasium.make("TwoRooms-v0", zone="direct", goal_rule="same").unwrapped
    _, info = env.reset(seed=3)
    position, done, reward, total = info["position"], False, 0.0, 0.0
    for _ in range(60):
        if done:
            break
        _, reward, done, truncated, info = env.step(info["target"] - position)
        position, total = info["position"], total + reward
        assert not truncated
        assert "margin/zone" in info
    assert done == info["success"]
    assert total == float(done)
    assert info["target_pixels"].shape == (64, 64, 3)
