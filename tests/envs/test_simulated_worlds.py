"""What discs, hidden hazard, pendulum and cart-pole have in common."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from telos.envs import GoalWorld, NotOfferedError, make_world
from telos.evaluation.episodes import run_episodes
from telos.evaluation.exact import ExactActor, exact_readouts
from telos.evaluation.protocol import load_protocol
from telos.evaluation.zones import guardrails_of
from telos.types import Dynamics, Objective

WORLDS = [
    ("discs", {"layout": "beside"}),
    ("discs", {"layout": "field", "speed_limit": 0.8, "visible": True}),
    ("pendulum", {}),
    ("cart-pole", {"factors": {"agent_colour": "random", "camera_x": 0.1}}),
    ("reacher", {}),
    ("reacher", {"measure": "joints", "target": True, "speed_limit": 30.0}),
    ("hidden-hazard", {"places": 3, "probability": 0.4}),
]
IDS = [f"{name}-{i}" for i, (name, _) in enumerate(WORLDS)]
each_world = pytest.mark.parametrize(("name", "options"), WORLDS, ids=IDS)
SEEDS = list(range(6))


def run(world, policy, seeds, steps):
    step = world.reset(seeds)
    policy.reset(seeds)
    shown = [step]
    for _ in range(steps):
        step = world.step(policy.act(step.observations, step.labels))
        shown.append(step)
    return shown


def played(name, options, steps=25):
    """A world, what visiting showed, and the same as its exact dynamics say it.

    States are (B, 1, 1, H + 1, D). What is hidden is told to the dynamics.
    """
    world = make_world(name, len(SEEDS), **options)
    step = world.reset(SEEDS)
    goal = world.sample_goals(world.goal_rules[0], SEEDS)
    dynamics, objective = world.oracle(goal)
    start = world.exact_state()
    if "hazard_offset" in step.labels:
        start[:, 0, 4:] = step.labels["hazard_offset"]
    policy = world.behaviour("visit")
    policy.reset(SEEDS)
    shown, actions = [step], []
    for _ in range(steps):
        actions.append(policy.act(step.observations, step.labels))
        step = world.step(actions[-1])
        shown.append(step)
    unit = np.stack(actions, 1)[:, None] / world.spec.action_high
    trajectory = dynamics.rollout(torch.from_numpy(start), torch.from_numpy(unit))
    return world, shown, trajectory, objective


@each_world
def test_they_are_goal_worlds_with_exact_dynamics(name, options):
    world = make_world(name, 2, **options)
    assert isinstance(world, GoalWorld)
    world.reset([0, 1])
    goal = world.sample_goals(world.goal_rules[0], [0, 1])
    dynamics, objective = world.oracle(goal)
    assert isinstance(dynamics, Dynamics)
    assert isinstance(objective, Objective)


@each_world
@pytest.mark.parametrize("behaviour", ["mixed", "visit", "random", "wander"])
def test_an_episode_depends_on_its_seed_and_not_on_its_batch(name, options, behaviour):
    batch = make_world(name, len(SEEDS), **options)
    together = run(batch, batch.behaviour(behaviour), SEEDS, 45)
    for index in (0, 4):
        single = make_world(name, 1, **options)
        alone = run(single, single.behaviour(behaviour), [SEEDS[index]], 45)
        for one, many in zip(alone, together, strict=True):
            for label, values in many.labels.items():
                np.testing.assert_array_equal(values[index], one.labels[label][0])
        pixels = together[-1].observations["pixels"][index]
        np.testing.assert_array_equal(pixels, alone[-1].observations["pixels"][0])
        assert batch.layout()[index] == single.layout()[0]
        assert batch.limits()[index] == single.limits()[0]


@each_world
def test_other_seeds_are_other_episodes(name, options):
    world = make_world(name, 2, **options)
    frames = world.reset([0, 1]).observations["state"]
    assert not np.array_equal(frames[0], frames[1])


@each_world
def test_shown_streams_are_what_the_spec_says(name, options):
    world = make_world(name, 3, **options)
    step = world.reset([0, 1, 2])
    goal = world.sample_goals(world.goal_rules[0], [0, 1, 2])
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


@each_world
def test_the_spec_rebuilds_the_world(name, options):
    world = make_world(name, 2, **options)
    again = make_world(world.spec.id, 2, **world.spec.options)
    assert again.spec.options == world.spec.options
    np.testing.assert_array_equal(
        again.reset([1, 2]).observations["pixels"],
        world.reset([1, 2]).observations["pixels"],
    )


@each_world
def test_exact_dynamics_are_the_simulation_step_by_step(name, options):
    world, shown, trajectory, _ = played(name, options)
    ended = np.zeros(len(SEEDS), bool)
    for time, step in enumerate(shown):
        imagined = trajectory.states[:, 0, 0, time].numpy()
        for label, dims in world.exact_dims.items():
            apart = imagined[:, dims] - step.labels[label].reshape(len(SEEDS), -1)
            if label in ("angle", "angles"):
                apart = np.mod(apart + np.pi, 2 * np.pi) - np.pi
            assert np.abs(apart[~ended]).max() < 1e-5
        ended |= step.terminated
    assert not ended.all()


@each_world
def test_margins_are_those_of_the_guardrails_built_from_limits(name, options):
    world, shown, trajectory, _ = played(name, options)
    rails = guardrails_of(world.limits(), exact_readouts(world))
    trajectory = replace(trajectory, states=trajectory.states.float())
    assert [rail.name for rail in rails] == list(shown[1].margins)
    ended = np.zeros(len(SEEDS), bool)
    for time, step in enumerate(shown[1:]):
        for rail in rails:
            told = rail.margin(trajectory)[:, 0, 0, time].numpy()
            true = step.margins[rail.name]
            np.testing.assert_allclose(told[~ended], true[~ended], atol=1e-5)
        ended |= step.terminated


@each_world
def test_margins_are_the_smallest_of_a_densely_sampled_way(name, options):
    world, shown, trajectory, _ = played(name, options)
    states = trajectory.states[:, 0, 0].numpy()
    ended = np.zeros(len(SEEDS), bool)
    for time, step in enumerate(shown[1:]):
        share = np.linspace(0.0, 1.0, 2001)[:, None, None]
        way = (1 - share) * states[:, time] + share * states[:, time + 1]
        for row in np.flatnonzero(~ended):
            for entry in world.limits()[row]:
                values = way[:, row][:, world.exact_dims[entry["quantity"]]]
                margin = _margins(entry, values).min()
                assert step.margins[entry["name"]][row] == pytest.approx(
                    margin, abs=1e-4
                )
        ended |= step.terminated


def _margins(entry, values):
    """(N,) of (N, q) points, written down anew."""
    if entry["type"] == "keep-out-disc":
        return np.linalg.norm(values - entry["center"], axis=-1) - entry["radius"]
    assert entry["type"] == "bound"
    return np.minimum(values - entry["low"], entry["high"] - values).min(-1)


@each_world
def test_the_first_step_shows_the_margins_of_where_it_is(name, options):
    world = make_world(name, len(SEEDS), **options)
    margins = world.reset(SEEDS).margins
    assert set(margins) == {entry["name"] for entry in world.limits()[0]}
    assert all((margin > 0).all() for margin in margins.values())


@each_world
def test_the_goal_has_no_distance_to_itself(name, options):
    world = make_world(name, len(SEEDS), **options)
    start = world.reset(SEEDS)
    for rule in world.goal_rules:
        goal = world.sample_goals(rule, SEEDS)
        np.testing.assert_allclose(world.distance(goal.labels, goal), 0.0, atol=1e-6)
        assert (world.distance(start.labels, goal) > world.success_radius).any()


@each_world
def test_only_exact_planning_is_offered_where_no_script_is_honest(name, options):
    world = make_world(name, 1, **options)
    world.reset([0])
    goal = world.sample_goals(world.goal_rules[0], [0])
    if name == "cart-pole":
        world.expert(goal).reset([0])
    else:
        with pytest.raises(NotOfferedError, match="oracle"):
            world.expert(goal)


@pytest.mark.parametrize(
    "name",
    [
        "discs-between",
        "discs-field",
        "pendulum",
        "cart-pole",
        "hidden-hazard",
        "reacher",
        "reacher-joints",
    ],
)
def test_exact_planning_reaches_the_goal_and_keeps_the_limits(name):
    protocol = load_protocol(name).with_episodes(2)
    world = make_world(protocol.world, 2, **protocol.world_options)
    results = run_episodes(world, ExactActor(world), protocol, num_traces=0)
    assert results.count("success") == 2
    assert results.count("violated") == 0


@pytest.mark.parametrize("name", ["discs-between", "pendulum", "cart-pole"])
def test_who_heads_straight_for_the_goal_violates_a_limit(name):
    protocol = load_protocol(name).with_episodes(6)
    world = make_world(protocol.world, 6, **protocol.world_options)
    step = world.reset(protocol.seeds)
    goal = world.sample_goals(protocol.goal_rule, protocol.seeds)
    policy, worst = world.greedy(goal), np.full(6, np.inf)
    for _ in range(protocol.budget):
        step = world.step(policy.act(step.observations, step.labels))
        worst = np.minimum(worst, np.min(list(step.margins.values()), axis=0))
    assert (worst < 0).all()


@each_world
def test_wrong_calls_say_what_was_expected(name, options):
    world = make_world(name, 2, **options)
    width = world.spec.action_dim
    with pytest.raises(ValueError, match="reset"):
        world.step(np.zeros((2, width)))
    with pytest.raises(ValueError, match="reset"):
        world.limits()
    world.reset([0, 1])
    with pytest.raises(ValueError, match=rf"expected \(2, {width}\)"):
        world.step(np.zeros((3, width)))
    with pytest.raises(ValueError, match="finite"):
        world.step(np.full((2, width), np.nan))
    with pytest.raises(ValueError, match="one non-negative integer"):
        world.reset([1])
    with pytest.raises(ValueError, match="goal rule"):
        world.sample_goals("moon", [0, 1])
    with pytest.raises(ValueError, match="behaviour"):
        world.behaviour("fly")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("discs", {"layout": "maze"}, "'beside', 'between', 'field'"),
        ("discs", {"speed_limit": 0.0}, "positive"),
        ("discs", {"num_envs": 0}, "at least 1"),
        ("discs", {"zone": "direct"}, "no option 'zone'"),
        ("pendulum", {"torque": -1.0}, "positive"),
        ("pendulum", {"speed_limit": float("nan")}, "positive"),
        ("cart-pole", {"track": 0.9}, "where goals may lie"),
        ("cart-pole", {"track": 2.0}, "where the rail ends"),
        ("cart-pole", {"angle_limit": 0.01}, "lean at the start"),
        ("cart-pole", {"angle_limit": 2.0}, "where they lie"),
        ("reacher", {"measure": "elbow"}, "'fingertip', 'joints'"),
        ("reacher", {"speed_limit": -1.0}, "positive"),
        ("discs", {"factors": {"hat": 1.0}}, "unknown factor 'hat'"),
        ("hidden-hazard", {"places": 1}, "2 or 3"),
        ("hidden-hazard", {"probability": 1.0}, "between 0 and 1"),
        ("hidden-hazard", {"reveal_radius": 0.1}, "more than 0.25"),
        ("hidden-hazard", {"reveal_radius": 0.8}, "nothing would be hidden"),
    ],
)
def test_bad_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        make_world(name, **{"num_envs": 1, **options})


@each_world
def test_actions_are_clipped_and_closed_worlds_stay_closed(name, options):
    world, again = (make_world(name, 2, **options) for _ in range(2))
    for each in (world, again):
        each.reset([0, 1])
    ones = np.ones((2, world.spec.action_dim)) * world.spec.action_high
    much, most = world.step(50 * ones), again.step(ones)
    np.testing.assert_array_equal(
        much.observations["state"], most.observations["state"]
    )
    world.close()
    with pytest.raises(ValueError, match="reset"):
        world.step(ones)
