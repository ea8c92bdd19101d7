"""Pushing a T: physics against the original, and what every world promises."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pymunk
import pytest
import torch

from telos.envs import GoalWorld, NotOfferedError, make_world
from telos.envs.push_t import PushT
from telos.envs.push_t.physics import Control, PushSpace
from telos.envs.world import TransparentWorld
from telos.evaluation.baselines import PolicyActor
from telos.evaluation.episodes import run_episodes
from telos.evaluation.exact import exact_readouts
from telos.evaluation.protocol import load_protocol
from telos.evaluation.zones import guardrails_of
from telos.types import Dynamics, Objective

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text())
SEEDS = [5, 6, 7]
ZONE = {"shape": "disc", "x": 256, "y": 256, "radius": 60}
EVERYTHING = {
    "control": "absolute",
    "start": "underway",
    "target": "random",
    "measure": "block",
    "goal_steps": 10,
    "factors": {"block_scale": "random", "agent_radius": "random", "camera_x": 10},
    "zone": ZONE,
    "size": 32,
}
OPTIONS = [{}, EVERYTHING]
each_option = pytest.mark.parametrize("options", OPTIONS, ids=["usual", "everything"])


def played(world, seeds, behaviour="push", steps=30):
    """Steps shown by a behaviour, the reset's first, and the actions between."""
    step = world.reset(seeds)
    policy = world.behaviour(behaviour)
    policy.reset(seeds)
    shown, actions = [step], []
    for _ in range(steps):
        actions.append(policy.act(step.observations, step.labels))
        step = world.step(actions[-1])
        shown.append(step)
    return shown, np.stack(actions, 1)


def same_streams(one, other):
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


AGREES = {"jumps": (30, 1e-6), "press": (10, 1e-6), "ram": (10, 0.2)}
"""Kind of episode -> steps for which, and pixels up to which, the T is where the
original has it. Who runs into the T again and again soon squeezes it against a wall:
there the original's solver remembers impulses of earlier contacts, which no state of
ours does, and the two part."""
each_episode = pytest.mark.parametrize(
    "episode", REFERENCE["episodes"], ids=lambda e: f"{e['kind']}-{e['seed']}"
)


@each_episode
def test_physics_are_those_of_gym_pusht(episode):
    space = PushSpace(30.0, 15.0)
    states, targets = np.array(episode["states"]), episode["actions"]
    ours = [[*states[0], 0.0, 0.0, 0.0]]
    for target in targets:
        ours.append(space.step(ours[-1], target))
    apart = np.abs(np.array(ours)[:, :7] - states)
    steps, pixels = AGREES[episode["kind"]]
    np.testing.assert_array_equal(apart[:, :4], 0.0)
    assert apart[: steps + 1, 4:].max() <= pixels


@each_episode
def test_this_pymunk_solves_contacts_as_the_one_of_gym_pusht_does(episode):
    """The original's loop, with the memory of the solver, to the last bit."""
    space, agent, block = plain_space()
    start = episode["states"][0]
    agent.position, block.angle = tuple(start[:2]), start[6]
    block.position = tuple(start[4:6])
    for (goal_x, goal_y), expected in zip(
        episode["actions"], episode["states"][1:], strict=True
    ):
        for _ in range(10):
            (x, y), (vx, vy) = agent.position, agent.velocity
            push_x = 100.0 * (goal_x - x) - 20.0 * vx
            push_y = 100.0 * (goal_y - y) - 20.0 * vy
            agent.velocity = vx + push_x * 0.01, vy + push_y * 0.01
            space.step(0.01)
        found = [*agent.position, *agent.velocity, *block.position, block.angle]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def plain_space():
    """Walls, agent and T as gym-pusht has them."""
    space = pymunk.Space()
    space.damping = 0.0
    corners = [(5, 506), (5, 5), (506, 5), (506, 506), (5, 506)]
    for ends in itertools.pairwise(corners):
        space.add(pymunk.Segment(space.static_body, *ends, 2))
    agent = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
    space.add(agent, pymunk.Circle(agent, 15))
    bar = [(-60, 30), (60, 30), (60, 0), (-60, 0)]
    stem = [(-15, 30), (-15, 120), (15, 120), (15, 30)]
    block = pymunk.Body(1.0, 2 * pymunk.moment_for_poly(1.0, bar))
    block.center_of_gravity = (0.0, 45.0)
    space.add(block, pymunk.Poly(block, bar), pymunk.Poly(block, stem))
    return space, agent, block


@each_option
def test_it_is_a_goal_world_that_can_be_looked_into(options):
    world = make_world("push-t", 2, **options)
    assert isinstance(world, GoalWorld)
    assert isinstance(world, TransparentWorld)
    world.reset([0, 1])
    goal = world.sample_goals("random-pose", [0, 1])
    dynamics, objective = world.simulator(goal)
    assert isinstance(dynamics, Dynamics)
    assert isinstance(objective, Objective)
    with pytest.raises(NotOfferedError, match="expert"):
        world.oracle(goal)


@each_option
@pytest.mark.parametrize("behaviour", PushT.behaviours)
def test_an_episode_depends_on_its_seed_and_not_on_its_batch(options, behaviour):
    batch, single = (
        make_world("push-t", 3, **options),
        make_world("push-t", 1, **options),
    )
    together, _ = played(batch, SEEDS, behaviour, 20)
    alone, _ = played(single, SEEDS[1:2], behaviour, 20)
    for one, many in zip(alone, together, strict=True):
        for group in ("observations", "labels", "margins"):
            for name, values in getattr(one, group).items():
                np.testing.assert_array_equal(values[0], getattr(many, group)[name][1])
    assert batch.layout()[1] == single.layout()[0]
    assert batch.limits()[1] == single.limits()[0]
    for rule in PushT.goal_rules:
        goals, goal = batch.sample_goals(rule, SEEDS), single.sample_goals(rule, [6])
        for name, values in goal.labels.items():
            np.testing.assert_array_equal(values[0], goals.labels[name][1])
        pixels = goals.observations["pixels"][1]
        np.testing.assert_array_equal(goal.observations["pixels"][0], pixels)


@each_option
def test_shown_streams_are_what_the_spec_says(options):
    world = make_world("push-t", 3, **options)
    step = world.reset(SEEDS)
    goal = world.sample_goals("state-ahead", SEEDS)
    for found, expected in (
        (step.observations, world.spec.streams),
        (step.labels, world.spec.labels),
        (goal.observations, world.spec.streams),
        (goal.labels, world.spec.labels),
        (world.show(np.zeros((3, 2, 10))), world.spec.streams),
    ):
        assert set(found) == set(expected)
        for key, stream in expected.items():
            assert found[key].shape[-len(stream.shape) or 99 :] == stream.shape
            assert found[key].dtype == stream.dtype


@each_option
def test_the_spec_rebuilds_the_world(options):
    world = make_world("push-t", 2, **options)
    again = make_world(world.spec.id, 2, **json.loads(json.dumps(world.spec.options)))
    assert again.spec.options == world.spec.options
    same_streams(again.reset([1, 2]).observations, world.reset([1, 2]).observations)


@each_option
def test_a_state_is_all_there_is_to_know(options):
    """What happens after a state is the same to the bit, whatever was before it."""
    world = make_world("push-t", 3, **options)
    _, actions = played(world, SEEDS)
    saved, expected = world.exact_state(), []
    for t in range(10):
        expected.append(world.step(actions[:, t]))
    played(world, [9, 10, 11])
    world.reset(SEEDS)
    world.restore(saved)
    for t, step in enumerate(expected):
        found = world.step(actions[:, t])
        same_streams(found.labels, step.labels)
        same_streams(found.observations, step.observations)


@each_option
def test_the_simulator_imagines_what_happens(options):
    world = make_world("push-t", 3, **options)
    _, actions = played(world, SEEDS)
    world.reset(SEEDS)
    goal = world.sample_goals("state-ahead", SEEDS)
    dynamics, metric = world.simulator(goal)
    low, high = world.spec.action_low, world.spec.action_high
    unit = 2 * (actions - low) / (high - low) - 1
    plans = torch.from_numpy(np.stack([0 * unit, unit], 1))
    imagined = dynamics.rollout(torch.from_numpy(world.exact_state()), plans, futures=2)
    assert imagined.states.shape == (3, 2, 2, 31, 10)
    way = metric(imagined)
    for t in range(30):
        step = world.step(actions[:, t])
        expected = world.exact_state()[:, 0]
        # Actions become units and actions again, which rounds them.
        found = imagined.states[:, 1, 1, t + 1].numpy()
        np.testing.assert_allclose(found, expected, atol=0.02)
        length = world.distance(step.labels, goal)
        np.testing.assert_allclose(way[:, 1, 0, t].numpy(), length, atol=0.05)


@each_option
def test_imagined_states_look_as_they_would(options):
    world = make_world("push-t", 3, **options)
    world.reset(SEEDS)
    first = world.exact_state()
    step = world.step(np.tile(world.spec.action_high, (3, 1)))
    shown = world.show(np.concatenate([first, world.exact_state()], 1))
    for name, values in step.observations.items():
        np.testing.assert_array_equal(shown[name][:, 1], values)


def test_relative_and_absolute_actions_ask_for_the_same_places():
    relative, absolute = Control(kind="relative"), Control(kind="absolute")
    at, place = np.array([100.0, 400.0]), np.array([150.0, 380.0])
    for control in (relative, absolute):
        action = control.actions(place, at)
        np.testing.assert_allclose(control.targets(action, at), place, atol=1e-4)
    np.testing.assert_allclose(relative.actions(place, at), [0.5, -0.2], atol=1e-6)
    far = relative.targets(np.array([1.0, 1.0]), np.array([450.0, 470.0]))
    np.testing.assert_array_equal(far, [512.0, 512.0])


def test_nothing_moves_the_t_but_a_push():
    world = make_world("push-t", 8)
    first = world.reset(range(8)).labels
    for _ in range(5):
        step = world.step(np.zeros((8, 2)))
    np.testing.assert_array_equal(step.labels["block"], first["block"])
    np.testing.assert_array_equal(step.labels["angle"], first["angle"])


def test_starts_are_apart_and_inside_the_walls():
    world = make_world("push-t", 100)
    labels = world.reset(range(100)).labels
    assert (np.abs(labels["block"] - 256) < 245).all()
    assert len(np.unique(labels["position"][:, 0])) == 100
    world = make_world("push-t", 20, start="underway")
    pushed = world.reset(range(20)).labels
    away = np.linalg.norm(pushed["position"] - labels["position"][:20], axis=-1)
    assert (away > 20).mean() > 0.5


def test_goals_of_the_rule_state_ahead_are_where_pushing_leads():
    world = make_world("push-t", 20, start="underway")
    first = world.reset(range(20))
    goal = world.sample_goals("state-ahead", range(20))
    moved = np.linalg.norm(goal.labels["block"] - first.labels["block"], axis=-1)
    assert (moved > 5).mean() > 0.5
    # Sampling goals leaves the running episodes as they were.
    again = world.step(np.zeros((20, 2)))
    assert np.abs(again.labels["block"] - first.labels["block"]).max() < 15


def test_the_goal_has_no_distance_to_itself():
    for measure in ("state", "block", "coverage"):
        world = make_world("push-t", 3, measure=measure)
        start = world.reset(SEEDS)
        for rule in world.goal_rules:
            goal = world.sample_goals(rule, SEEDS)
            np.testing.assert_allclose(world.distance(goal.labels, goal), 0, atol=1e-5)
            assert (world.distance(start.labels, goal) > world.success_radius).any()


def test_the_t_on_the_marked_pose_covers_the_target():
    world = make_world("push-t", 3, target="random", measure="coverage")
    world.reset(SEEDS)
    goal = world.sample_goals("target", SEEDS)
    for row, factors in enumerate(world.layout()):
        marked = [factors["target_x"], factors["target_y"]]
        np.testing.assert_allclose(goal.labels["block"][row], marked, atol=1e-4)


@pytest.mark.parametrize("control", ["relative", "absolute"])
def test_the_expert_reaches_goals_that_neither_chance_nor_standing_still_does(control):
    protocol = load_protocol("push-t-25").with_episodes(12)
    options = {**protocol.world_options, "control": control, "size": 8}
    world = make_world(protocol.world, 12, **options)
    reached = {
        name: run_episodes(world, PolicyActor(make), protocol, num_traces=0)
        for name, make in (
            ("expert", world.expert),
            ("greedy", world.greedy),
            ("random", lambda goal: world.behaviour("random")),
        )
    }
    count = {name: results.count("success") for name, results in reached.items()}
    assert count["expert"] >= 8
    assert count["greedy"] <= 3
    assert count["random"] <= 2


def test_most_recorded_transitions_of_pushing_move_the_t():
    world = make_world("push-t", 24, size=8)
    shown, _ = played(world, range(24), "mixed", 50)
    block = np.stack([step.labels["block"] for step in shown])
    angle = np.unwrap(np.stack([step.labels["angle"] for step in shown]), axis=0)
    moved = np.linalg.norm(np.diff(block, axis=0), axis=-1) > 0.1
    moved |= np.abs(np.diff(angle, axis=0)) > 0.002
    assert moved.mean() > 0.3


def test_a_zone_is_measured_and_kept_out_of_starts_and_goals():
    world = make_world("push-t", 24, zone=ZONE, start="underway")
    step = world.reset(range(24))
    expected = np.linalg.norm(step.labels["position"] - 256, axis=-1) - 60
    np.testing.assert_allclose(step.margins["zone"], expected, atol=1e-4)
    assert (expected > 0).all()
    for rule in world.goal_rules:
        goal = world.sample_goals(rule, range(24))
        away = np.linalg.norm(goal.labels["position"] - 256, axis=-1)
        assert (away > 60).all()
    (rail,) = guardrails_of(world.limits(), exact_readouts(world))
    dynamics, _ = world.simulator(goal)
    plan = torch.from_numpy(np.full((24, 1, 3, 2), 0.7))
    ahead = dynamics.rollout(torch.from_numpy(world.exact_state()).float(), plan)
    for t in range(3):
        margin = world.step(np.full((24, 2), 0.7)).margins["zone"]
        told = rail.margin(ahead)[:, 0, 0, t].numpy()
        np.testing.assert_allclose(told, margin, atol=1e-3)
    assert world.layout()[0]["zone_radius"] == 60


def test_factors_change_what_is_pushed_and_are_recorded():
    large = make_world("push-t", 2, factors={"block_scale": 40, "agent_radius": 20})
    large.reset([0, 1])
    assert large.layout()[0]["block_scale"] == 40
    assert [space.sizes for space in large._spaces] == [(40.0, 20.0)] * 2
    world = make_world("push-t", 2)
    world.reset([0, 1])
    assert [space.sizes for space in world._spaces] == [(30.0, 15.0)] * 2
    assert set(world.layout()[1]) == {"target_x", "target_y", "target_angle"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control": "torque"}, "'relative', 'absolute'"),
        ({"start": "moon"}, "'random', 'underway'"),
        ({"target": "green"}, "'fixed', 'random', 'none'"),
        ({"measure": "hamming"}, "'state', 'block', 'coverage'"),
        ({"goal_steps": 0}, "at least 1"),
        ({"size": 0}, "at least 1"),
        ({"factors": {"hat": 1}}, "unknown factor"),
        ({"zone": {"shape": "star"}}, "'disc'"),
        ({"wind": 1}, "no option 'wind'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_world("push-t", **options)


def test_wrong_calls_say_what_was_expected():
    world = make_world("push-t", 2)
    for call in (world.limits, world.layout, world.exact_state):
        with pytest.raises(ValueError, match="reset"):
            call()
    with pytest.raises(ValueError, match="reset"):
        world.step(np.zeros((2, 2)))
    world.reset([0, 1])
    with pytest.raises(ValueError, match=r"expected \(2, 2\)"):
        world.step(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="finite"):
        world.step(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="goal rule"):
        world.sample_goals("moon", [0, 1])
    with pytest.raises(ValueError, match="behaviour"):
        world.behaviour("fly")
    world.close()
    with pytest.raises(ValueError, match="reset"):
        world.step(np.zeros((2, 2)))
    crowded = {"shape": "disc", "x": 256, "y": 256, "radius": 400}
    with pytest.raises(ValueError, match="make the zone smaller"):
        make_world("push-t", 1, zone=crowded).reset([0])


def test_without_pymunk_the_error_says_what_to_install(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ImportError, match=r"telos\[sim\]"):
        PushSpace(30.0, 15.0)
