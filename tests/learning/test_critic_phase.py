"""Temporal differences on lines whose distances are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.learning.worlds import from_latents

from telos.cost.critic import build_critic
from telos.learning.config import CriticConfig, DifferencesConfig, OptimiserConfig
from telos.learning.critic import CriticPhase, slow_copy
from telos.learning.loop import make_optimiser, train_step
from telos.runtime import Runtime

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
DISCOUNT = 0.9
CONFIG = CriticConfig(
    form="expectile",
    steps=700,
    batch=128,
    width=32,
    discount=DISCOUNT,
    foreign=0.0,
    differences=DifferencesConfig(
        length=4, expectile=0.2, target_rate=0.05, future=0.6
    ),
    optimiser=OptimiserConfig(learning_rate=3e-3, clip=10.0),
)


def seen(place: np.ndarray) -> np.ndarray:
    """Two smooth features of a place on the line, and a context that is always 1."""
    turn = place * np.pi / 24
    return np.stack([2 * np.cos(turn), 2 * np.sin(turn), np.ones_like(place)], -1)


def trained(phase: CriticPhase) -> CriticPhase:
    optimiser = make_optimiser(phase)
    for step in range(phase.num_steps):
        train_step(phase, optimiser, step, CPU)
        phase.after_step(step)
    return phase


def differing(**changes: float) -> CriticConfig:
    """The configuration with other temporal differences."""
    return replace(CONFIG, differences=replace(CONFIG.differences, **changes))


def phase_on(paths: list[np.ndarray], config: CriticConfig) -> CriticPhase:
    torch.manual_seed(0)
    form = "quasimetric" if config.form == "quasimetric" else "free"
    critic = build_critic(form, 2, 1, config.width)
    latents = from_latents([seen(path) for path in paths])
    return CriticPhase(critic, slow_copy(critic), latents, config)


@torch.no_grad()
def distance(phase: CriticPhase, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    latent = torch.from_numpy(seen(start)).float()
    return phase.critic(latent, torch.from_numpy(seen(goal)[:, :2]).float()).numpy()


@pytest.mark.parametrize("form", ["expectile", "quasimetric"])
def test_the_distance_along_a_line_is_learned(form: str) -> None:
    """One step per place, always to the right: d steps ahead cost 1 - discount^d."""
    paths = [np.arange(25.0)]
    phase = trained(phase_on(paths, replace(CONFIG, form=form)))
    starts, ahead = np.meshgrid(np.arange(10.0), np.arange(1.0, 13.0))
    found = distance(phase, starts.ravel(), (starts + ahead).ravel())
    expected = 1 - DISCOUNT ** ahead.ravel()
    assert np.abs(found - expected).mean() < 0.06
    assert np.corrcoef(found, expected)[0, 1] > 0.9


def test_an_expectile_leans_to_the_fast() -> None:
    """Half of the episodes take one step per place, half take three."""
    fast, slow = np.arange(25.0), np.repeat(np.arange(25.0), 3)
    starts = np.arange(10.0)
    found = {}
    for expectile in (0.2, 0.5):
        config = differing(expectile=expectile)
        phase = trained(phase_on([fast, slow], config))
        found[expectile] = distance(phase, starts, starts + 6).mean()
    fastest, slowest = 1 - DISCOUNT**6, 1 - DISCOUNT**18
    assert abs(found[0.2] - fastest) < abs(found[0.5] - fastest)
    assert found[0.2] < found[0.5] - 0.05
    assert found[0.5] < slowest + 0.05


def place(latent: torch.Tensor) -> np.ndarray:
    """Where on the line a latent lies."""
    turn = np.arctan2(latent[:, 1].numpy(), latent[:, 0].numpy())
    return turn * 24 / np.pi


def test_a_goal_within_the_steps_is_known_without_the_target_network() -> None:
    phase = phase_on([np.arange(25.0)], differing(future=1.0, length=30))
    pairs = phase.pairs(0)
    ahead = place(pairs.goal) - place(pairs.now)
    np.testing.assert_allclose(ahead, pairs.steps_to_goal.numpy(), atol=1e-3)
    wanted = phase._wanted(pairs)
    torch.testing.assert_close(wanted, 1 - DISCOUNT**pairs.steps_to_goal)


def test_a_goal_farther_away_takes_the_rest_from_the_target_network() -> None:
    phase = phase_on([np.arange(25.0)], differing(future=0.0, length=2))
    pairs = phase.pairs(0)
    behind = pairs.steps_to_goal > 24
    assert behind.any()
    assert (place(pairs.goal)[behind] < place(pairs.now)[behind]).all()
    with torch.no_grad():
        rest = phase.target(pairs.later, pairs.goal)
        wanted = phase._wanted(pairs)
    passed = DISCOUNT**pairs.steps
    expected = 1 - passed + passed * rest
    torch.testing.assert_close(wanted[behind], expected[behind])


def test_no_target_is_more_than_what_the_recording_took() -> None:
    phase = phase_on([np.arange(25.0)], differing(future=1.0, length=1))
    for parameter in phase.target.parameters():
        parameter.data += 3.0
    pairs = phase.pairs(0)
    seen_cost = 1 - DISCOUNT**pairs.steps_to_goal
    assert (phase._wanted(pairs) <= seen_cost + 1e-6).all()


def share_elsewhere(foreign: float) -> float:
    """Share of goals that lie on the other of two lines than their start."""
    low, high = np.arange(24.0), 25 + np.arange(20.0)
    phase = phase_on([low, high], replace(CONFIG, foreign=foreign, batch=2048))
    pairs = phase.pairs(0)
    # The second line lies on the lower half of the circle.
    elsewhere = (pairs.goal[:, 1] < -0.01) != (pairs.now[:, 1] < -0.01)
    # No way from line to line was recorded, so that none may cap the distance.
    assert (pairs.steps_to_goal[elsewhere] > 24).all()
    return elsewhere.float().mean().item()


def test_goals_come_from_the_same_episode_unless_told_otherwise() -> None:
    assert share_elsewhere(0.0) == 0
    assert share_elsewhere(1.0) == pytest.approx(0.5, abs=0.05)
    assert share_elsewhere(0.4) == pytest.approx(0.2, abs=0.04)


def test_the_target_follows_slowly_and_takes_no_gradient() -> None:
    phase = phase_on([np.arange(25.0)], differing(target_rate=0.25))
    before = [p.clone() for p in phase.target.parameters()]
    for parameter in phase.critic.parameters():
        parameter.data += 1.0
    phase.after_step(0)
    for old, new in zip(before, phase.target.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.25)
        assert not new.requires_grad


def test_goals_are_frames_as_agents_are_given_them() -> None:
    path = seen(np.arange(25.0))
    latents = from_latents([path], goals=[path[:, :2] + 100])
    critic = build_critic("free", 2, 1, 8)
    pairs = CriticPhase(critic, slow_copy(critic), latents, CONFIG).pairs(0)
    assert (pairs.goal > 90).all()
    assert (pairs.now < 10).all()
    assert (pairs.later < 10).all()
