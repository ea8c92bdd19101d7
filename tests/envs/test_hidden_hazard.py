"""A hazard that is revealed too late: its futures, and theory against Monte Carlo."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from telos.actor.scoring import best, score
from telos.cost import KeepOutDisc
from telos.cost.readout import identity_readout
from telos.envs import make_world
from telos.envs.hidden_hazard.places import HALF_WAY, RADIUS, modes_of, place
from telos.envs.point_mass import ACCELERATION, SECONDS
from telos.types import Trajectory

OFFSET = (4, 5)


def started(num, **options):
    world = make_world("hidden-hazard", num, **options)
    world.reset(range(num))
    goal = world.sample_goals("across", range(num))
    return world, goal, *world.oracle(goal)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def hazards(trajectory):
    """(B, S, K, H+1, 2) where each future puts the hazard."""
    return trajectory.states[..., :2] - trajectory.states[..., 4:]


def state_of(world):
    return torch.from_numpy(world.exact_state())


# --- the prior


@pytest.mark.parametrize(("places", "p"), [(2, 0.5), (2, 0.2), (3, 0.6)])
def test_modes_follow_the_prior(places, p):
    modes = modes_of(np.random.default_rng(0).uniform(size=20000), places, p)
    shares = np.bincount(modes, minlength=places) / 20000
    expected = [p, *([(1 - p) / (places - 1)] * (places - 1))]
    np.testing.assert_allclose(shares, expected, atol=0.015)


def test_episodes_follow_the_prior_too():
    modes = np.array([place(seed, 2, 0.3).mode for seed in range(3000)])
    assert abs((modes == 0).mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 3000)


# --- futures


def test_candidates_share_the_draws_and_futures_differ():
    world, _, dynamics, _ = started(8)
    actions = torch.randn(8, 5, 4, 2)
    found = hazards(dynamics.rollout(state_of(world), actions, 16, generator()))
    assert torch.allclose(found, found[:, :1, :, :1].expand_as(found), atol=1e-9)
    assert found[:, 0, :, 0].std(1).amax(-1).min() > 0.1, "all see both modes in 16"
    assert len(found[:, 0, :, 0].round(decimals=6).unique(dim=0)) == 8


def test_draws_depend_on_the_generator_and_the_episode_but_not_on_the_batch():
    world, _, dynamics, _ = started(6)
    actions = torch.zeros(6, 1, 2, 2)
    first = hazards(dynamics.rollout(state_of(world), actions, 12, generator()))
    again = hazards(dynamics.rollout(state_of(world), actions, 12, generator()))
    other = hazards(dynamics.rollout(state_of(world), actions, 12, generator(1)))
    fewer = hazards(dynamics.rollout(state_of(world), actions, 5, generator()))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first[:, :, :5], fewer), "the first of many are those of a few"
    alone = make_world("hidden-hazard", 1)
    alone.reset([4])
    single, _ = alone.oracle(alone.sample_goals("across", [4]))
    found = hazards(single.rollout(state_of(alone), actions[:1], 12, generator()))
    assert torch.equal(found[0], first[4])


def test_what_is_revealed_is_the_same_in_all_futures():
    world, goal, dynamics, _ = started(32)
    policy = world.greedy(goal)
    step = world.reset(range(32))
    assert np.isnan(world.exact_state()[..., 4:]).all()
    assert (step.observations["state"][:, 4:] == 0).all()
    for _ in range(10):
        step = world.step(policy.act(step.observations, step.labels))
    known = step.observations["state"][:, 4] == 1
    assert known.all()
    actions = torch.zeros(32, 1, 3, 2)
    found = hazards(dynamics.rollout(state_of(world), actions, 8, generator()))
    truth = [[row["hazard_x"], row["hazard_y"]] for row in world.layout()]
    expected = torch.tensor(truth)[:, None, None, None].expand(32, 1, 8, 4, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(step.observations["state"][:, 5:], truth, atol=1e-6)


def test_it_is_revealed_within_the_radius_and_not_forgotten():
    world, goal, _, _ = started(16, reveal_radius=0.4)
    policy, step = world.greedy(goal), world.reset(range(16))
    places = np.stack([p.places for p in world._placements])
    seen = np.zeros(16, bool)
    for _ in range(25):
        step = world.step(policy.act(step.observations, step.labels))
        away = np.linalg.norm(step.labels["position"][:, None] - places, axis=-1)
        seen |= away.min(-1) <= 0.4
        np.testing.assert_array_equal(step.observations["state"][:, 4] == 1, seen)
        hidden = np.isnan(world.exact_state()[:, 0, 4])
        np.testing.assert_array_equal(hidden, ~seen)
        image = step.observations["pixels"].astype(int)
        orange = (image[..., 2] < 135) & (image[..., 1] > 160)
        np.testing.assert_array_equal(orange.any((1, 2)), seen)
    assert seen.all()


# --- too late


def test_who_comes_unprepared_cannot_evade():
    """No escape: at some time everything that can be reached lies in the hazard.

    After n steps that is a square about x + n v dt whose half side is the way of the
    largest acceleration, a dt^2 n (n + 1) / 2; its corners are farthest from anywhere.
    """
    world, goal, _, _ = started(64)
    policy, step = world.greedy(goal), world.reset(range(64))
    in_way = np.array([row["mode"] == 0 for row in world.layout()])
    checked = np.zeros(64, bool)
    for _ in range(12):
        step = world.step(policy.act(step.observations, step.labels))
        fresh = in_way & ~checked & (step.observations["state"][:, 4] == 1)
        state = world.exact_state()[:, 0]
        time = SECONDS * np.arange(1, 8)[:, None]
        drift = state[:, None, 4:] + time * state[:, None, 2:4]  # (B, N, 2)
        half = ACCELERATION * time * (time + SECONDS) / 2  # (N, 1)
        corners = [drift + half * np.array(c) for c in product((-1, 1), (-1, 1))]
        farthest = np.linalg.norm(np.stack(corners), axis=-1).max(0)
        assert (farthest.min(-1)[fresh] < RADIUS).all(), farthest.min(-1)[fresh]
        checked |= fresh
    assert checked[in_way].all()
    assert in_way.sum() > 20


def test_no_search_evades_what_theory_says_cannot_be():
    world, goal, dynamics, _ = started(1)
    seed = next(s for s in range(99) if place(s, 2, 0.5).mode == 0)
    step = world.reset([seed])
    goal = world.sample_goals("across", [seed])
    dynamics, policy = world.oracle(goal)[0], world.greedy(goal)
    while step.observations["state"][0, 4] == 0:
        step = world.step(policy.act(step.observations, step.labels))
    tries = torch.rand(1, 20000, 8, 2, generator=generator()) * 2 - 1
    tries[:, :10000] = tries[:, :10000].sign()
    state = state_of(world).float()
    assert (rail().margin(dynamics.rollout(state, tries)).amin(-1) < 0).all()


def rail():
    readout = identity_readout(6, OFFSET, name="hazard_offset", unit="m")
    return KeepOutDisc(readout=readout, center=(0.0, 0.0), radius=RADIUS, buffer=0.0)


# --- theory


def ways(world, num):
    """(B, 2, 26, 2) straight across, and in an arc around the middle."""
    to = np.stack([-p.start for p in world._placements]) / HALF_WAY
    along = np.concatenate([np.ones(13), -np.ones(13)]) * 0.444
    arc = np.concatenate([np.ones(6), -np.ones(12), np.ones(6), np.zeros(2)]) * 0.55
    left = np.stack([-to[:, 1], to[:, 0]], -1)
    straight = along[:, None] * to[:, None]
    around = straight + arc[:, None] * left[:, None]
    return torch.from_numpy(np.stack([straight, around], 1)).float()


@pytest.mark.parametrize(
    ("places", "p"), [(2, 0.5), (2, 0.3), (3, 0.6)], ids=["even", "rare", "three"]
)
def test_violations_fall_as_theory_says(places, p):
    """A plan that faces K futures overlooks the hazard in p (1 - p)^K of the cases.

    Two ways are on offer, each safe or not in a mode; the planner's rule takes the
    cheapest that is safe in all futures, the truth decides.
    """
    num = 2000
    world, _, dynamics, objective = started(num, places=places, probability=p)
    candidates, start = ways(world, num), state_of(world).float()
    told = start.clone()
    truth = np.stack([q.places[q.mode] for q in world._placements])
    told[:, 0, 4:] = start[:, 0, :2] - torch.from_numpy(truth).float()
    really = rail().margin(dynamics.rollout(told, candidates)).flatten(2).amin(-1) > 0
    in_way = torch.tensor([q.mode == 0 for q in world._placements])
    assert torch.equal(really[:, 0], ~in_way), (
        "straight is safe unless it is in the way"
    )
    assert really[in_way, 1].all(), "around is safe then"
    for futures in (1, 2, 4, 8):
        imagined = dynamics.rollout(start, candidates, futures, generator(futures))
        scores = score(imagined, objective, [rail()])
        chosen = best(scores)
        violated = int((~really[torch.arange(num), chosen] & in_way).sum())
        theory = p * (1 - p) ** futures
        spread = np.sqrt(num * theory * (1 - theory))
        assert abs(violated - num * theory) <= 3.5 * spread + 0.5


def test_the_truth_is_not_in_what_the_planner_is_told():
    """A control: with the hazard elsewhere, the same draws give the same plan."""
    world, _, dynamics, objective = started(200)
    actions = ways(world, 200)
    found = dynamics.rollout(state_of(world), actions, 4, generator())
    for row in world._placements:
        object.__setattr__(row, "mode", 1 - row.mode)
    world._hazards = np.stack([q.places[q.mode] for q in world._placements])
    again = dynamics.rollout(state_of(world), actions, 4, generator())
    assert torch.equal(found.states, again.states)
    assert isinstance(objective(found), torch.Tensor)
    assert isinstance(found, Trajectory)
