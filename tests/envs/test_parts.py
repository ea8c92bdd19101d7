"""Resizing, random actions and mixtures against closed forms."""

import numpy as np
import pytest

from telos.envs.images import area_resize
from telos.envs.mixture import MixturePolicy
from telos.envs.random_policy import RandomPolicy


@pytest.mark.parametrize(("height", "width"), [(64, 64), (17, 23), (40, 25), (5, 3)])
def test_area_averaging_keeps_the_mean_and_constants(height, width):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    small = area_resize(image, 8)
    assert small.shape == (8, 8, 3)
    assert small.dtype == np.uint8
    np.testing.assert_allclose(small.mean((0, 1)), image.mean((0, 1)), atol=0.5)
    flat = np.full((height, width, 3), 137, np.uint8)
    np.testing.assert_array_equal(area_resize(flat, 8), 137)


def test_blocks_are_averaged_exactly():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    expected = image.astype(float).reshape(2, 2, 2, 2, 3).mean((1, 3))
    assert np.abs(area_resize(image, 2) - expected).max() <= 0.5


def test_a_fractional_pixel_is_shared():
    image = np.zeros((3, 3, 1), np.uint8)
    image[:, 1] = 200
    # Each half covers one and a half columns, a third of which is the bright one.
    np.testing.assert_allclose(area_resize(image, 2)[..., 0], 67, atol=0.5)


def test_a_wrong_image_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        area_resize(np.zeros((4, 4, 3)), 2)


def draws(correlation, steps=3000, envs=4):
    policy = RandomPolicy(np.array([-2.0]), np.array([4.0]), correlation)
    policy.reset(range(envs))
    return np.stack([policy.act({}, {}) for _ in range(steps)])[..., 0]


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_actions_are_uniform_over_the_bounds(correlation):
    actions = draws(correlation)
    assert actions.min() >= -2
    assert actions.max() <= 4
    quantiles = np.quantile(actions, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(quantiles, [-1.4, 1.0, 3.4], atol=0.25)


def test_correlation_is_the_one_of_a_gaussian_copula():
    # Of uniform marginals it is 6 / pi * arcsin(rho / 2), Pearson 1907.
    for rho in (0.0, 0.9):
        actions = draws(rho)
        found = np.corrcoef(actions[:-1].ravel(), actions[1:].ravel())[0, 1]
        np.testing.assert_allclose(found, 6 / np.pi * np.arcsin(rho / 2), atol=0.03)


def test_random_actions_do_not_depend_on_the_batch():
    np.testing.assert_array_equal(draws(0.9, 20, 4)[:, :2], draws(0.9, 20, 2))


def test_a_correlation_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        RandomPolicy(np.zeros(1), np.ones(1), 1.0)


def test_a_mixture_gives_whole_episodes_to_one_of_two():
    ones = RandomPolicy(np.ones(1), np.ones(1))
    twos = RandomPolicy(np.full(1, 2.0), np.full(1, 2.0))
    policy = MixturePolicy(ones, twos, 0.25)
    policy.reset(range(400))
    first, second = policy.act({}, {}), policy.act({}, {})
    np.testing.assert_array_equal(first, second)
    assert 0.18 < (first == 1).mean() < 0.32
