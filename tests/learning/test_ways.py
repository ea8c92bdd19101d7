"""Shortest ways through recordings whose shortest ways are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.learning.worlds import from_latents

from telos.cost.critic import build_critic
from telos.data.recording import Recording
from telos.learning import ways as ways_module
from telos.learning.config import CriticConfig, OptimiserConfig, PathsConfig
from telos.learning.paths import PathsPhase
from telos.learning.ways import Ways, find_ways
from telos.world_model import Chart
from telos.world_model.chart import CHANGE_SCALE

CONFIG = PathsConfig(reach=0.5, foreign_reach=0.5)
CRITIC = CriticConfig(discount=0.9, paths=CONFIG)


def plain_chart() -> Chart:
    """The first dimension is the coordinate: a step is a change by one."""
    chart = Chart(2, 1, width=4)
    with torch.no_grad():
        for parameter in chart.parameters():
            parameter.zero_()
        chart.linear.weight.copy_(torch.tensor([[1.0, 0.0]]) / CHANGE_SCALE)
    return chart


def latents_of(*paths: list[float]):
    """Episodes along a line; a second state dimension that says nothing, a context."""
    return from_latents(
        [np.stack([np.array(p), np.zeros(len(p)), np.ones(len(p))], -1) for p in paths]
    )


def ways_of(*paths: list[float], config: PathsConfig = CONFIG, **kwargs) -> Ways:
    return find_ways(latents_of(*paths), plain_chart(), config, **kwargs)


def test_ways_go_in_both_directions_and_take_short_cuts() -> None:
    """Out to 5 and back: the way from the first to the last frame is no step at all."""
    out_and_back = [0.0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0]
    lengths = ways_of(out_and_back).lengths[0][:, :11]
    places = np.array(out_and_back)
    np.testing.assert_allclose(lengths, np.abs(places[:, None] - places), atol=1e-2)


def test_ways_match_a_slow_reference() -> None:
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.uniform(-1, 1, 12))
    found = ways_of(walk.tolist()).lengths[0][:, :12]
    apart = np.abs(walk[:, None] - walk)
    edges = np.where(apart <= CONFIG.reach, apart, np.inf)
    for step in range(11):
        edges[step, step + 1] = edges[step + 1, step] = apart[step, step + 1]
    expected = np.full((12, 12), np.inf)
    for start in range(12):
        expected[start, start] = 0.0
        for _ in range(12):  # Bellman and Ford
            relaxed = (expected[start][:, None] + edges).min(0)
            expected[start] = np.minimum(expected[start], relaxed)
    np.testing.assert_allclose(found, expected, atol=1e-2)


def test_frames_that_are_not_close_are_not_joined() -> None:
    """A jump of 6 is one recorded transition; from 0 to 7 leads only through it."""
    lengths = ways_of([0.0, 1, 7]).lengths[0]
    assert lengths[0, 2] == pytest.approx(7.0, abs=0.02)


def test_goals_of_other_episodes_continue_a_way() -> None:
    ways = ways_of([0.0, 1, 2, 3], [2.3, 2.2, 2.4, 40.0])
    places = np.array([0.0, 1, 2, 3, 2.3, 2.2, 2.4, 40.0])
    goals, lengths = ways.goals[0][4:], ways.lengths[0][:, 4:]
    reached = np.isfinite(lengths[0])
    assert set(goals[reached]) == {4, 5, 6}, "not its own frames, and not the far one"
    apart = np.abs(places[:4, None] - places[goals[reached]])
    detour = lengths[:, reached] - apart
    assert detour.min() > -0.01
    assert detour.max() < 2 * CONFIG.foreign_reach


def test_long_episodes_are_cut_and_short_ones_filled() -> None:
    ways = ways_of(list(np.arange(7.0)), [50.0, 51.0], config=replace(CONFIG, piece=4))
    assert ways.frames.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [7, 8, 8, 8]]
    assert ways.lengths[2][0, :4] == pytest.approx([0.0, 1.0, 1.0, 1.0])


def test_of_very_many_pieces_some_are_searched(monkeypatch) -> None:
    """Whole pieces, each at most once, in order; which ones depends on the seed."""
    config = replace(CONFIG, piece=4)
    walk = list(np.arange(60.0))
    every = ways_of(walk, config=config).frames.tolist()
    monkeypatch.setattr(ways_module, "PIECES", 5)
    some = [ways_of(walk, config=config, seed=s).frames.tolist() for s in (0, 0, 1)]
    assert len(every) > 5 == len(some[0])
    assert some[0] == [piece for piece in every if piece in some[0]]
    assert some[0] == some[1] != some[2]


def test_frame_skip_leaves_out_frames() -> None:
    ways = ways_of(list(np.arange(7.0)), frame_skip=3)
    assert ways.frames.tolist() == [[0, 3, 6]]


def test_frames_without_a_step_are_refused() -> None:
    with pytest.raises(ValueError, match="no episode is longer than 2 steps"):
        ways_of([0.0, 1.0], frame_skip=2)


def taught(ways: Ways, latents: Recording, expectile: float) -> PathsPhase:
    config = replace(
        CRITIC,
        steps=1200,
        batch=128,
        width=32,
        paths=replace(CONFIG, expectile=expectile),
        optimiser=OptimiserConfig(learning_rate=3e-3, clip=10.0),
    )
    torch.manual_seed(0)
    phase = PathsPhase(build_critic("free", 2, 1, 32), latents, ways, config)
    optimiser = torch.optim.Adam(phase.parameters(), 3e-3)
    for step in range(config.steps):
        loss, _ = phase.loss(step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return phase


START = torch.tensor([[0.1, 0.0, 1.0], [1.9, 0.0, 1.0]])
GOAL = torch.tensor([[1.6, 0.0], [0.2, 0.0]])
STEPS = (START[:, 0] - GOAL[:, 0]).abs()


def test_the_critic_learns_the_lengths() -> None:
    line = list(np.linspace(0, 2, 21))
    latents = latents_of(line, line[::-1])
    ways = find_ways(latents, plain_chart(), replace(CONFIG, reach=0.15))
    found = taught(ways, latents, expectile=0.5).critic(START, GOAL)
    torch.testing.assert_close(found, 1 - 0.9**STEPS, atol=0.03, rtol=0)


def test_detours_count_less_than_direct_ways() -> None:
    """Half of the episodes found ways that are three times as long."""
    line = list(np.linspace(0, 2, 21))
    latents = latents_of(line, line)
    ways = find_ways(latents, plain_chart(), replace(CONFIG, reach=0.15))
    ways.lengths[1] *= 3
    mean, low = (taught(ways, latents, e).critic(START, GOAL) for e in (0.5, 0.1))
    direct, detour = 1 - 0.9**STEPS, 1 - 0.9 ** (3 * STEPS)
    torch.testing.assert_close(mean, (direct + detour) / 2, atol=0.05, rtol=0)
    share = (low - direct) / (detour - direct)
    assert (share < 0.25).all()


def test_batches_repeat_and_differ() -> None:
    latents = latents_of([0.0, 1, 2, 3], [2.3, 2.2, 2.4, 40.0])
    ways = find_ways(latents, plain_chart(), CONFIG)
    phase = PathsPhase(build_critic("free", 2, 1, 8), latents, ways, CRITIC)
    again = PathsPhase(build_critic("free", 2, 1, 8), latents, ways, CRITIC)
    for one, other in zip(phase.batch(3), again.batch(3), strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.equal(phase.batch(3)[0], phase.batch(4)[0])
    assert torch.isfinite(phase.batch(3)[2]).all()


def test_goals_are_frames_as_agents_are_given_them() -> None:
    line = np.arange(5.0)
    path = np.stack([line, 0 * line, 1 + 0 * line], -1)
    latents = from_latents([path], goals=[path[:, :2] + 100])
    ways = find_ways(latents, plain_chart(), CONFIG)
    phase = PathsPhase(build_critic("free", 2, 1, 8), latents, ways, CRITIC)
    now, goal, steps = phase.batch(0)
    torch.testing.assert_close(
        (goal[:, 0] - 100 - now[:, 0]).abs(), steps, atol=1e-2, rtol=0
    )
