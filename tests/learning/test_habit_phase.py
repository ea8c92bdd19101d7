"""Habits formed on lines and rings where what should be done is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.learning.worlds import from_latents

from telos.actor import Habit
from telos.data.recording import Recording
from telos.learning.config import HabitConfig, OptimiserConfig
from telos.learning.habit import HabitPhase
from telos.learning.loop import make_optimiser, train_step
from telos.runtime import Runtime

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
CONFIG = HabitConfig(
    steps=300,
    batch=128,
    width=32,
    choices=4,
    reach=8,
    optimiser=OptimiserConfig(learning_rate=5e-3, clip=1.0),
)


def recording(
    paths: Sequence[np.ndarray], actions: Sequence[np.ndarray], frame_skip: int = 1
) -> Recording:
    """Places (T+1, 2) beside a context that is always 1."""
    seen = [np.concatenate([p, np.ones((len(p), 1))], 1) for p in paths]
    return from_latents(seen, [a.reshape(-1, 1) for a in actions])


def walkers(seed: int = 0, episodes: int = 40) -> Recording:
    """On a line, a tenth of a unit per step, each to one side or the other."""
    rng = np.random.default_rng(seed)
    paths, actions = [], []
    for _ in range(episodes):
        taken = np.full(20, rng.choice([-0.8, 0.8]))
        x = rng.uniform(-1, 1) + np.concatenate([[0], 0.1 * taken.cumsum()])
        paths.append(np.stack([x, np.zeros_like(x)], 1))
        actions.append(taken)
    return recording(paths, actions)


def phase_on(latents: Recording, config: HabitConfig = CONFIG, **more) -> HabitPhase:
    torch.manual_seed(0)
    action_dim = more.get("frame_skip", 1)
    habit = Habit(2, 1, action_dim, width=config.width, choices=config.choices)
    return HabitPhase(habit, latents, config, **more)


def formed(phase: HabitPhase) -> Habit:
    optimiser = make_optimiser(phase)
    for step in range(phase.num_steps):
        train_step(phase, optimiser, step, CPU)
    return phase.habit


def asked(habit: Habit, start: float, goal: float) -> float:
    latent = torch.tensor([[start, 0.0, 1.0]])
    return float(habit.act(latent, torch.tensor([[goal, 0.0]])))


def test_it_goes_towards_goals_on_either_side() -> None:
    habit = formed(phase_on(walkers()))
    for start in (-0.5, 0.0, 0.5):
        assert asked(habit, start, start + 0.4) == pytest.approx(0.8, abs=0.15)
        assert asked(habit, start, start - 0.4) == pytest.approx(-0.8, abs=0.15)


def test_with_shuffled_actions_it_learns_no_direction() -> None:
    latents = walkers()
    actions = latents.actions.copy()
    real = np.flatnonzero(
        np.isfinite(actions[:, 0])
    )  # an episode's last frame has none
    actions[real] = actions[np.random.default_rng(0).permutation(real)]
    habit = formed(phase_on(replace(latents, actions=actions)))
    torch.manual_seed(1)
    starts = torch.rand(200) - 0.5
    goals = starts + 0.4 * torch.randn(200).sign()
    latent = torch.stack([starts, torch.zeros(200), torch.ones(200)], 1)
    done = habit.act(latent, torch.stack([goals, torch.zeros(200)], 1))[:, 0]
    right = (done.sign() == (goals - starts).sign()).float().mean()
    assert right < 0.8


@pytest.mark.parametrize(("choices", "decided"), [(4, True), (1, False)])
def test_two_ways_around_are_not_blended(choices: int, decided: bool) -> None:
    """Half of a ring to the left or to the right; their mean goes nowhere."""
    angles = np.linspace(0, np.pi, 9)
    ways = [np.stack([np.cos(a), np.sin(a)], 1) for a in (angles, -angles)]
    taken = [np.full(8, 0.9), np.full(8, -0.9)]
    config = replace(CONFIG, choices=choices, steps=200)
    habit = formed(phase_on(recording(ways * 4, taken * 4), config))
    across = habit.act(torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[-1.0, 0.0]]))
    assert (float(across.abs()) > 0.7) is decided


def test_goals_come_later_in_the_episode_and_actions_are_those_of_the_moment() -> None:
    """Places say which frame of which episode they are."""
    lengths = (5, 12, 30)
    paths = [
        np.stack([np.arange(n + 1.0), np.full(n + 1, 10.0 * e)], 1)
        for e, n in enumerate(lengths)
    ]
    actions = [np.arange(n) / 100 for n in lengths]
    deeds = phase_on(recording(paths, actions), replace(CONFIG, reach=6)).deeds(3)
    ahead = deeds.goal[:, 0] - deeds.now[:, 0]
    assert (deeds.goal[:, 1] == deeds.now[:, 1]).all()
    assert ahead.min() == 1
    assert ahead.max() == 6
    assert torch.allclose(deeds.action[:, 0], deeds.now[:, 0] / 100)


def test_a_block_of_actions_is_one_deed() -> None:
    path = np.stack([np.arange(13.0), np.zeros(13)], 1)
    latents = recording([path], [np.arange(12) / 100])
    deeds = phase_on(latents, frame_skip=3).deeds(0)
    first = deeds.now[:, :1] / 100
    assert torch.allclose(deeds.action, first + torch.tensor([0.0, 0.01, 0.02]))
    assert ((deeds.goal[:, 0] - deeds.now[:, 0]) % 3 == 0).all()


def test_a_batch_follows_from_seed_and_step() -> None:
    latents = walkers()
    one, same = (phase_on(latents, seed=5).deeds(7) for _ in range(2))
    other = phase_on(latents, seed=6).deeds(7)
    assert torch.equal(one.goal, same.goal)
    assert not torch.equal(one.goal, other.goal)
