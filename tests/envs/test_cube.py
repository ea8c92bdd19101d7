"""OGBench's cube: seeds, goals of its tasks, the script that picks and places."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ogbench", reason="ogbench is an extra of its own")

from telos.envs import GoalWorld, NotOfferedError, make_world
from telos.envs.headless import prefer_headless

SEEDS = [0, 1]
needs_gl = pytest.mark.skipif(
    prefer_headless() is None, reason="no GL library for MuJoCo"
)


def last(seeds, pixels, steps=4):
    world = make_world("cube", len(seeds), pixels=pixels)
    policy, step = world.behaviour("mixed"), world.reset(seeds)
    goal = world.sample_goals("task", seeds)
    policy.reset(seeds)
    for _ in range(steps):
        step = world.step(policy.act(step.observations, step.labels))
    for found, expected in (
        (step.observations, world.spec.streams),
        (goal.observations, world.spec.streams),
        (step.labels, world.spec.labels),
        (goal.labels, world.spec.labels),
    ):
        assert {k: v.shape[1:] for k, v in found.items()} == {
            k: s.shape for k, s in expected.items()
        }
    world.close()
    return step.observations, step.labels, goal.observations, goal.labels


@needs_gl
def test_an_episode_depends_on_its_seed_and_not_on_its_batch():
    for many, one in zip(last(SEEDS, True), last(SEEDS[1:], True), strict=True):
        for name, values in many.items():
            np.testing.assert_array_equal(values[1], one[name][0])


def test_goals_are_those_of_the_tasks():
    world = make_world("cube", 3, pixels=False)
    assert isinstance(world, GoalWorld)
    step = world.reset([0, 1, 2])
    goal = world.sample_goals("task", [0, 1, 2])
    rows = zip(world._scenes, world.layout(), goal.labels["block"], strict=True)
    for scene, layout, block in rows:
        task = scene.task_infos[int(layout["task"]) - 1]
        np.testing.assert_allclose(block, task["goal_xyzs"][0], atol=1e-6)
    np.testing.assert_allclose(world.distance(goal.labels, goal), 0.0)
    assert (world.distance(step.labels, goal) > world.success_radius).all()


def test_the_script_places_the_cube_where_the_environment_counts_it():
    world = make_world("cube", 2, pixels=False)
    step = world.reset(SEEDS)
    goal = world.sample_goals("task", SEEDS)
    policy = world.expert(goal)
    policy.reset(SEEDS)
    for _ in range(100):
        step = world.step(policy.act(step.observations, step.labels))
    assert (world.distance(step.labels, goal) < world.success_radius).all()
    assert all(told["success"] for told in world._told)


def test_what_it_cannot_know_it_does_not_invent():
    world = make_world("cube", 1, pixels=False)
    world.reset([0])
    goal = world.sample_goals("task", [0])
    for ask in (world.oracle, world.greedy):
        with pytest.raises(NotOfferedError):
            ask(goal)
