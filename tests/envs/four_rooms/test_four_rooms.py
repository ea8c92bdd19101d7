"""Four rooms against MiniGrid's, against brute force, and planned in by a beam."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import torch

from telos.actor import Beam, BeamConfig
from telos.envs import GoalWorld, make_world
from telos.envs.four_rooms.grid import (
    Moves,
    actions_to,
    cells_to,
    draw_doors,
    one_hot,
    room_of,
    walls_of,
)
from telos.envs.world import TransparentWorld

RECORDED = json.loads(Path(__file__).with_name("reference.json").read_text())
EPISODES = RECORDED["episodes"]
SEEDS = list(range(6))


def doors_in(walls):
    inner = ~walls
    upper, lower = np.flatnonzero(inner[:, 9])
    left, right = np.flatnonzero(inner[9])
    return np.array([upper, lower, left, right])


@pytest.mark.parametrize("index", range(len(EPISODES)))
def test_layouts_and_moves_are_those_of_minigrid(index):
    episode = EPISODES[index]
    walls = np.array(episode["walls"], bool)
    np.testing.assert_array_equal(walls_of(doors_in(walls)[None])[0], walls)
    moves = Moves(walls[None])
    pose = torch.tensor(episode["poses"][0], dtype=torch.float64)[None, None]
    for action, expected in zip(episode["actions"], episode["poses"][1:], strict=True):
        wanted = torch.from_numpy(one_hot(np.array([action])))[None]
        pose = moves(pose, wanted)
        assert pose[0, 0].tolist() == expected


def test_doors_can_be_everywhere_and_splits_never_meet():
    drawn = {}
    for split in ("train", "test"):
        rng = np.random.default_rng(0)
        drawn[split] = {tuple(draw_doors(rng, split)) for _ in range(800)}
    assert not drawn["train"] & drawn["test"]
    doors = np.array(list(drawn["train"]))
    assert doors.min(0).tolist() == [1, 10, 1, 10]
    assert doors.max(0).tolist() == [8, 17, 8, 17]


def test_ways_and_actions_are_those_of_a_search():
    walls = walls_of(draw_doors(np.random.default_rng(1), "train")[None])
    goal = np.array([[15, 3]])
    ways, needed = cells_to(walls, goal)[0], actions_to(walls, goal)[0]
    moves = Moves(walls)
    start = np.array([2, 16, 1])
    away = {tuple(start): 0}
    todo = deque([tuple(start)])
    while todo:
        pose = todo.popleft()
        states = torch.tensor(pose, dtype=torch.float64).expand(1, 3, 3)
        for there in moves(states, torch.eye(3)[None])[0].int().tolist():
            if tuple(there) not in away:
                away[tuple(there)] = away[pose] + 1
                todo.append(tuple(there))
    assert len(away) == 4 * (~walls).sum()
    fewest = min(away[15, 3, direction] for direction in range(4))
    assert needed[1, 16, 2] == fewest
    assert ways[16, 2] == 13 + 13
    assert np.isinf(ways[0, 0])


def test_it_is_a_goal_world_and_transparent():
    world = make_world("four-rooms", 2)
    assert isinstance(world, GoalWorld)
    assert isinstance(world, TransparentWorld)
    assert world.spec.action_low.tolist() == [0, 0, 0]
    assert world.spec.action_high.tolist() == [1, 1, 1]


@pytest.mark.parametrize("behaviour", ["mixed", "visit", "random", "wander"])
def test_an_episode_depends_on_its_seed_and_not_on_its_batch(behaviour):
    names = "floor_colour", "agent_size", "brightness", "camera_y"
    factors = dict.fromkeys(names, "random")
    shown = []
    for seeds in (SEEDS, SEEDS[3:4]):
        world = make_world("four-rooms", len(seeds), factors=factors)
        policy, step = world.behaviour(behaviour), world.reset(seeds)
        policy.reset(seeds)
        actions = []
        for _ in range(40):
            actions.append(policy.act(step.observations, step.labels))
            step = world.step(actions[-1])
        assert set(np.unique(actions)) == {0.0, 1.0}
        assert (np.sum(actions, -1) == 1).all()
        goal = world.sample_goals("cross", seeds)
        shown.append((step.observations, step.labels, goal.observations))
        layout = world.layout()
        shown[-1] += ({"layout": np.array([list(row.values()) for row in layout])},)
    for many, one in zip(*shown, strict=True):
        for name, values in many.items():
            np.testing.assert_array_equal(values[3], one[name][0])


def test_what_is_shown_is_what_the_spec_says():
    world = make_world("four-rooms", 3)
    step = world.reset([0, 1, 2])
    goal = world.sample_goals("random", [0, 1, 2])
    for found, expected in (
        (step.observations, world.spec.streams),
        (step.labels, world.spec.labels),
        (goal.observations, world.spec.streams),
        (goal.labels, world.spec.labels),
    ):
        assert set(found) == set(expected)
        for key, stream in expected.items():
            assert found[key].shape == (3, *stream.shape)
            assert found[key].dtype == stream.dtype
    shown = world.show(world.exact_state())
    for name, values in step.observations.items():
        np.testing.assert_array_equal(shown[name][:, 0], values)


def test_goals_are_free_and_across_where_asked():
    world = make_world("four-rooms", 40)
    step = world.reset(range(40))
    goal = world.sample_goals("cross", range(40))
    cells = goal.labels["position"].astype(int)
    assert not world._walls[np.arange(40), cells[:, 1], cells[:, 0]].any()
    here = step.labels["position"].astype(int)
    assert all(room_of(a) != room_of(b) for a, b in zip(here, cells, strict=True))
    ways = world.path_length(step.labels, goal)
    assert (ways >= world.distance(step.labels, goal)).all()
    assert np.isfinite(ways).all()


def test_every_cell_and_direction_looks_different():
    world = make_world("four-rooms", 1)
    world.reset([0])
    cells = np.argwhere(~world._walls[0])[:, ::-1]
    poses = [[*cell, turn] for cell in cells for turn in range(4)]
    frames = world.show(np.array([poses]))["pixels"][0]
    assert len({frame.tobytes() for frame in frames}) == len(poses)


def test_the_expert_needs_as_many_actions_as_said_and_greedy_may_get_stuck():
    world = make_world("four-rooms", 20)
    reached = {}
    for name in ("expert", "greedy"):
        step = world.reset(range(20))
        goal = world.sample_goals("cross", range(20))
        policy = getattr(world, name)(goal)
        cells = goal.labels["position"].astype(int)
        x, y, turn = world.exact_state()[:, 0].astype(int).T
        fewest = actions_to(world._walls, cells)[np.arange(20), turn, y, x]
        first = np.full(20, np.inf)
        for time in range(1, 101):
            step = world.step(policy.act(step.observations, step.labels))
            near = world.distance(step.labels, goal) < world.success_radius
            first = np.minimum(first, np.where(near, time, np.inf))
        reached[name] = first
    np.testing.assert_array_equal(reached["expert"], fewest)
    assert np.isinf(reached["greedy"]).any()


def test_a_beam_plans_to_the_goal_with_the_fewest_actions():
    count = 12
    world = make_world("four-rooms", count)
    world.reset(range(count))
    goal = world.sample_goals("random", range(count))
    dynamics, objective = world.oracle(goal)
    choices = tuple(map(tuple, (2.0 * np.eye(3) - 1.0).tolist()))
    config = BeamConfig(samples=12, horizon=12, action_dim=3, actions=choices)
    luck = [torch.Generator().manual_seed(seed) for seed in range(count)]
    state = torch.from_numpy(world.exact_state()).float()
    plan = Beam(config).plan(dynamics, state, objective, generators=luck)
    present = actions_to(world._walls, goal.labels["position"].astype(int))
    x, y, turn = world.exact_state()[:, 0].astype(int).T
    fewest = present[np.arange(count), turn, y, x]
    left = objective(dynamics.rollout(state, plan.actions[:, None]))[:, 0, 0]
    expected = np.maximum(fewest[:, None] - np.arange(1, 13), 0)
    near = fewest <= 12
    assert near.any()
    np.testing.assert_array_equal(left.numpy().min(1), expected.min(1))


def test_the_world_moves_as_its_exact_dynamics_say():
    world = make_world("four-rooms", 3)
    world.reset([0, 1, 2])
    dynamics, _ = world.oracle(world.sample_goals("random", [0, 1, 2]))
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 1, 30, 3))
    start = torch.from_numpy(world.exact_state())
    states = dynamics.rollout(start, torch.from_numpy(actions)).states[:, 0, 0]
    for time in range(30):
        world.step((actions[:, 0, time] + 1) / 2)
        found = world.exact_state()[:, 0]
        np.testing.assert_array_equal(found, states[:, time + 1].numpy())


def test_wrong_calls_say_what_was_expected():
    with pytest.raises(ValueError, match="'train', 'test'"):
        make_world("four-rooms", split="all")
    world = make_world("four-rooms", 2)
    with pytest.raises(ValueError, match="reset"):
        world.step(np.zeros((2, 3)))
    world.reset([0, 1])
    with pytest.raises(ValueError, match="goal rule"):
        world.sample_goals("moon", [0, 1])
    with pytest.raises(ValueError, match=r"expected \(2, 3\)"):
        world.step(np.zeros((2, 7)))
