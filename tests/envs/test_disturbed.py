"""Disturbed actions: what reaches the world, and what stays as it was."""

import numpy as np
import pytest

from telos.envs.disturbed import Disturbance, disturbed
from telos.envs.two_rooms.world import TwoRooms


class Told(TwoRooms):
    """Remembers the actions that reached it."""

    def reset(self, seeds):
        self.told = []
        return super().reset(seeds)

    def step(self, actions):
        self.told.append(np.array(actions))
        return super().step(actions)


def _told(steps=6, num_envs=2, first=0, **disturbance):
    inner = Told(num_envs)
    world = disturbed(inner, Disturbance(**disturbance))
    world.reset(range(first, first + num_envs))
    for time in range(steps):
        world.step(np.full((num_envs, 2), 0.1 * (time + 1)))
    return np.stack(inner.told)


def test_gain_and_latency():
    steady = 0.1 * np.arange(1, 7)
    assert _told(gain=1.5)[:, 0, 0] == pytest.approx(1.5 * steady)
    assert _told(latency=2)[:, 1, 1] == pytest.approx([0, 0, *steady[:4]])


def test_noise_has_the_spread_asked_for_and_comes_from_the_episodes_seed():
    told = _told(steps=3000, noise=0.1)
    noise = told - 0.1 * np.arange(1, 3001)[:, None, None]
    # The range is 3.6 px; 12,000 draws have a standard error of 0.6 %.
    assert noise.std() == pytest.approx(0.36, rel=0.03)
    assert abs(noise.mean()) < 0.02
    alone = _told(steps=20, num_envs=1, first=1, noise=0.1)
    np.testing.assert_array_equal(alone[:, 0], told[:20, 1])


def test_the_rest_is_that_of_the_world():
    world = disturbed(TwoRooms(3, zone="direct"), Disturbance(noise=0.1))
    world.reset([1, 2, 3])
    assert world.spec.id == "two-rooms"
    assert len(world.limits()) == 3
    assert world.sample_goals("cross", [1, 2, 3]).labels["position"].shape == (3, 2)


@pytest.mark.parametrize(
    "wrong", [{"noise": -0.1}, {"latency": -1}, {"gain": float("nan")}]
)
def test_what_is_no_disturbance_is_refused(wrong):
    with pytest.raises(ValueError, match="is no disturbance"):
        Disturbance(**wrong)
