"""Losses against references written from their formulae; escape from collapse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from telos.learning.losses import (
    InverseDynamics,
    covariance,
    invariance,
    prediction_loss,
    sigreg,
    smoothness,
    straightness,
    variance,
)
from telos.learning.representation import within_groups
from telos.learning.spectra import effective_rank


def sample(*shape: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=draw)


def slow_variance(z: np.ndarray, target: float) -> float:
    total = 0.0
    for column in z.T:
        mean = sum(column) / len(column)
        spread = sum((x - mean) ** 2 for x in column) / (len(column) - 1)
        total += max(0.0, target - math.sqrt(spread + 1e-4))
    return total / z.shape[1]


def slow_covariance(z: np.ndarray) -> float:
    count, dims = z.shape
    means, total = z.mean(0), 0.0
    for i in range(dims):
        for j in range(dims):
            if i != j:
                products = (z[:, i] - means[i]) * (z[:, j] - means[j])
                total += (products.sum() / (count - 1)) ** 2
    return total / dims


def slow_sigreg(z: np.ndarray, axes: np.ndarray, knots: int) -> float:
    """Trapezoid rule, one projection and one knot at a time."""
    grid, total = np.linspace(0, 3, knots), 0.0
    for axis in axes.T:
        shadow = z @ (axis / np.linalg.norm(axis))
        values = []
        for t in grid:
            empirical = np.exp(1j * t * shadow).mean()
            normal = math.exp(-t * t / 2)
            values.append(abs(empirical - normal) ** 2 * normal)
        total += 2 * np.trapezoid(values, grid)
    return len(z) * total / axes.shape[1]


@pytest.mark.parametrize(("scale", "target"), [(0.3, 1.0), (1.0, 1.0), (3.0, 0.9)])
def test_variance_equals_its_formula(scale: float, target: float) -> None:
    z = sample(40, 6, scale=scale)
    expected = slow_variance(z.double().numpy(), target)
    assert float(variance(z, target)) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_covariance_equals_its_formula() -> None:
    z = sample(40, 6) @ sample(6, 6, seed=1)
    expected = slow_covariance(z.double().numpy())
    assert float(covariance(z)) == pytest.approx(expected, rel=1e-4)


def test_sigreg_equals_its_formula() -> None:
    z = sample(50, 5) + 0.3
    axes = torch.randn(5, 128, generator=torch.Generator().manual_seed(4))
    value = sigreg(z, generator=torch.Generator().manual_seed(4))
    expected = slow_sigreg(z.double().numpy(), axes.double().numpy(), knots=17)
    assert float(value) == pytest.approx(expected, rel=1e-4)


def test_seventeen_knots_are_enough() -> None:
    """In one dimension every projection is the same up to its sign."""
    z = sample(60, 1) * 0.5
    fine = slow_sigreg(z.double().numpy(), np.ones((1, 1)), knots=2001)
    assert float(sigreg(z)) == pytest.approx(fine, rel=0.01)


def expected_on_a_normal() -> float:
    """E |phi_N - phi|^2 = (1 - exp(-t^2)) / N, integrated: independent of N."""
    half = math.sqrt(math.pi / 2) * math.erf(3 / math.sqrt(2))
    return 2 * (half - math.sqrt(math.pi / 6) * math.erf(3 * math.sqrt(1.5)))


@pytest.mark.parametrize("count", [32, 256, 2048])
def test_sigreg_of_a_normal_sample_is_about_one_for_every_size(count: int) -> None:
    values = [
        float(
            sigreg(
                sample(count, 32, seed=seed), 32, torch.Generator().manual_seed(seed)
            )
        )
        for seed in range(40)
    ]
    assert np.mean(values) == pytest.approx(expected_on_a_normal(), rel=0.15)
    assert 0.8 < np.mean(values) < 1.3


@pytest.mark.parametrize(
    "collapsed",
    [
        lambda z: 0 * z,
        lambda z: 0.1 * z,
        lambda z: z[:, :1].expand(-1, 8),
        lambda z: z + 1,
        lambda z: 3 * z,
    ],
    ids=["constant", "small", "rank one", "shifted", "wide"],
)
def test_sigreg_is_larger_for_everything_else(collapsed) -> None:
    z = sample(256, 8)
    assert float(sigreg(collapsed(z))) > 5 * float(sigreg(z))


@pytest.mark.parametrize("loss", [variance, covariance, smoothness, invariance])
def test_a_shift_changes_nothing(loss) -> None:
    along_time = loss in (smoothness, invariance)
    z = sample(*((5, 6, 5) if along_time else (30, 5)), scale=0.5)
    torch.testing.assert_close(loss(z + 7), loss(z), rtol=1e-3, atol=1e-5)


def vicreg(z: torch.Tensor, step: int) -> torch.Tensor:
    return 10 * variance(z) + covariance(z)


def gaussian(z: torch.Tensor, step: int) -> torch.Tensor:
    return sigreg(z, 64, torch.Generator().manual_seed(step))


@pytest.mark.parametrize("loss", [vicreg, gaussian])
def test_latents_on_a_line_spread_out_again(loss) -> None:
    """A rank of one with a trace of noise is escaped by gradient alone."""
    z = sample(128, 1) * torch.ones(8) + sample(128, 8, seed=1, scale=1e-3)
    assert effective_rank(z) < 1.1
    z.requires_grad_()
    optimiser = torch.optim.Adam([z], 0.03)
    for step in range(300):
        optimiser.zero_grad()
        loss(z, step).backward()
        optimiser.step()
    found = z.detach()
    assert effective_rank(found) > 7
    assert 0.8 < float(found.std(0).min()) <= float(found.std(0).max()) < 1.5


def test_terms_along_time_by_hand() -> None:
    z = torch.tensor([[[0.0, 0.0], [3.0, 4.0]]])
    assert float(smoothness(z)) == 12.5
    assert float(invariance(z)) == 6.25 / 2
    assert float(prediction_loss(z, torch.zeros(1, 2, 2))) == 6.25


@pytest.mark.parametrize(
    ("path", "bend"),
    [
        ([[0, 0], [1, 0], [3, 0]], 0.0),  # straight, however fast
        ([[0, 0], [1, 0], [1, 2]], 1.0),  # a right angle
        ([[0, 0], [1, 0], [0, 0]], 2.0),  # back again
        ([[0, 0], [1, 0], [2, 0], [2, 1]], 0.5),  # the mean of both
        ([[0, 0], [1, 0], [1, 0], [5, 5]], 0.0),  # who stands still has no direction
    ],
)
def test_ways_are_straight_where_changes_agree(path: list, bend: float) -> None:
    assert float(straightness(torch.tensor([path]).float())) == pytest.approx(bend)


def test_straightness_of_windows_in_which_nothing_moves_has_a_gradient() -> None:
    z = torch.ones(4, 3, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(straightness(z), z)
    assert (gradient == 0).all()


def test_straightness_needs_two_changes() -> None:
    with pytest.raises(ValueError, match="at least 2 transitions"):
        straightness(torch.zeros(3, 2, 4))


def test_residuals_forget_what_is_constant_in_an_episode() -> None:
    state = sample(10, 3, 4, 5)
    layout = sample(10, 1, 1, 5, seed=1, scale=100)
    residuals = within_groups(state + layout)
    assert residuals.shape == (120, 5)
    torch.testing.assert_close(residuals, within_groups(state), atol=1e-4, rtol=1e-3)
    assert within_groups(layout.expand(10, 3, 4, 5)).abs().max() < 1e-4


def test_residuals_have_the_variance_of_what_moves() -> None:
    residuals = within_groups(sample(4000, 2, 3, 2, scale=0.7))
    mean_square = residuals.square().mean(0)
    torch.testing.assert_close(mean_square, torch.full((2,), 0.49), rtol=0.03, atol=0)


def walk(seed: int, count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """States (B, 4, 2) that add up actions (B, 3, 2) from [-1, 1]."""
    draw = torch.Generator().manual_seed(seed)
    actions = 2 * torch.rand(count, 3, 2, generator=draw) - 1
    return torch.cat([torch.zeros(count, 1, 2), 0.1 * actions.cumsum(1)], 1), actions


def half_stuck(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The same; in every second episode nothing moves, at another place."""
    state, actions = walk(seed)
    state[::2] = 3.0
    return state, actions


def trained_head(world) -> InverseDynamics:
    torch.manual_seed(0)
    head = InverseDynamics(2, 2, width=32)
    optimiser = torch.optim.Adam(head.parameters(), 1e-2)
    for step in range(300):
        optimiser.zero_grad()
        head(*world(step)).backward()
        optimiser.step()
    return head


def test_actions_are_recovered_from_states_that_show_them() -> None:
    state, actions = walk(999)
    mean, claimed = (x.detach() for x in trained_head(walk).recover(state))
    assert (mean - actions).square().mean() < 0.01  # actions have a variance of 1/3
    assert claimed.mean() < 0.02


def test_where_states_do_not_show_the_action_the_head_says_so() -> None:
    state, actions = half_stuck(999)
    mean, claimed = (x.detach() for x in trained_head(half_stuck).recover(state))
    error = (mean - actions).square()
    assert claimed[::2].mean() == pytest.approx(1 / 3, rel=0.3)
    assert error[1::2].mean() < 0.01
    assert claimed[1::2].mean() < 0.02
