"""Losses over batches against slow references, and the laws that they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from telos.learning.losses import (
    absolute_errors,
    centroid_spread,
    coding_rate,
    cross_correlation,
    disagreement,
    group_residuals,
    infonce,
    log_determinant,
    mean_covariance,
    misdirection,
    misdirections,
    normed,
    off_centre,
    off_scale,
    off_shape,
    patch_errors,
    redundancy,
    smooth_errors,
    view_spread,
    whitened,
    whitened_misdirection,
    whitening_matrix,
)
from telos.learning.losses.dino import (
    cross_entropies,
    entropies,
    sharpened,
    temperature_at,
)


def sample(*shape: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=draw, dtype=torch.float64)


def skewed(count: int = 40, dims: int = 6) -> torch.Tensor:
    """Samples with a mean, unequal variances and correlations."""
    return sample(count, dims) @ sample(dims, dims, seed=1) + sample(dims, seed=2)


def slow_covariance(z: torch.Tensor) -> np.ndarray:
    rows = z.numpy()
    mean = sum(rows) / len(rows)
    products = [np.outer(row - mean, row - mean) for row in rows]
    return sum(products) / (len(rows) - 1)


def near(value: torch.Tensor, expected: float, rel: float = 1e-10) -> None:
    assert float(value) == pytest.approx(expected, rel=rel, abs=1e-12)


# --- references


def test_mean_covariance_is_a_mean_over_pairs() -> None:
    z = skewed()
    matrix = slow_covariance(z)
    pairs = [matrix[i, j] ** 2 for i in range(6) for j in range(6) if i != j]
    near(mean_covariance(z), sum(pairs) / len(pairs))


def test_mean_covariance_of_copies_is_one_whatever_the_width() -> None:
    line = sample(500, 1)
    line = line / line.std()
    for dims in (2, 16, 128):
        near(mean_covariance(line.expand(-1, dims)), 1.0)


def test_log_determinant_is_the_mean_logarithm_of_variances() -> None:
    z, floor = skewed(), 1e-3
    eigenvalues = np.linalg.eigvalsh(slow_covariance(z))
    near(log_determinant(z, floor), -np.log(eigenvalues + floor).mean())
    near(log_determinant(torch.zeros(9, 4).double(), floor), -math.log(floor))


def test_the_coding_rate_is_the_mean_logarithm_of_what_directions_hold() -> None:
    z = skewed()
    unit = [row / math.sqrt(sum(row**2)) for row in z.numpy()]
    moment = sum(np.outer(row, row) for row in unit)
    held = 1 + 6 / (40 * 0.3**2) * np.linalg.eigvalsh(moment)
    near(coding_rate(z, 0.3), 0.5 * np.log(held).mean())


def test_the_coding_rate_is_largest_for_even_directions() -> None:
    axes = torch.eye(5, dtype=torch.float64)
    most = 0.5 * math.log(1 + 1 / 0.5**2)
    near(coding_rate(axes.repeat(4, 1), 0.5), most)
    assert float(coding_rate(skewed(), 0.5)) < most


def test_barlow_equals_its_formula() -> None:
    first, second = skewed(), skewed() + 0.3 * sample(40, 6, seed=5)
    a, b = ((z - z.mean(0)) / z.std(0, correction=0) for z in (first, second))
    found = cross_correlation(a, b)
    on, off = 0.0, 0.0
    for i in range(6):
        for j in range(6):
            entry = sum(float(x * y) for x, y in zip(a[:, i], b[:, j], strict=True))
            if i == j:
                on += (1 - entry / 40) ** 2 / 6
            else:
                off += (entry / 40) ** 2 / 30
    near(disagreement(found), on)
    near(redundancy(found), off)
    near(disagreement(cross_correlation(a, a)), 0.0)


def test_whitened_samples_are_white_and_nothing_else_is_done_to_them() -> None:
    z = skewed()
    found = whitened(z)
    assert np.allclose(slow_covariance(found), np.eye(6))
    assert np.allclose(found.mean(0), 0)
    lower = np.linalg.cholesky(slow_covariance(z))
    assert np.allclose(found.numpy() @ lower.T, z.numpy() - z.numpy().mean(0))


def test_the_floor_of_whitening_mixes_in_the_identity() -> None:
    matrix = torch.from_numpy(slow_covariance(skewed()))
    turn = whitening_matrix(matrix, 0.1).numpy()
    assert np.allclose(
        turn @ (0.9 * matrix.numpy() + 0.1 * np.eye(6)) @ turn.T, np.eye(6)
    )


def test_whitening_compares_views_within_sub_batches() -> None:
    first, second = skewed(), skewed() + 0.3 * sample(40, 6, seed=5)
    draw = torch.Generator().manual_seed(3)
    found = whitened_misdirection(first, second, 20, 0.0, draw)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    total = 0.0
    for own in (order[:20], order[20:]):
        a, b = whitened(first[own]), whitened(second[own])
        for x, y in zip(a.numpy(), b.numpy(), strict=True):
            total += 1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y)
    near(found, total / 40)
    near(whitened_misdirection(first, 3 * first + 1, 20, 0.0, draw), 0.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "flat",
    [
        lambda: sample(64, 1).expand(-1, 8),
        lambda: sample(5, 8),
        lambda: torch.ones(64, 8).double(),
    ],
    ids=["rank one", "fewer samples than dimensions", "constant"],
)
def test_a_flat_batch_cannot_be_whitened_and_a_floor_helps(flat, dtype) -> None:
    z = flat().to(dtype)
    with pytest.raises(ValueError, match="8 dimensions cannot be whitened.*floor"):
        whitened(z)
    assert whitened(z, floor=1e-3).isfinite().all()


def test_capacity_equals_its_formula() -> None:
    views = sample(7, 2, 5)
    unit = views.numpy() / np.linalg.norm(views.numpy(), axis=-1, keepdims=True)
    centres = unit.mean(1)
    whole = np.linalg.norm(centres, "nuc") / math.sqrt(7 * 5)
    single = np.mean([np.linalg.norm(one, "nuc") for one in unit]) / 2
    near(centroid_spread(views), whole)
    near(view_spread(views), single)


def test_capacity_is_one_where_views_agree_and_fill_the_space() -> None:
    axes = torch.eye(5, dtype=torch.float64).repeat(3, 1)
    near(centroid_spread(torch.stack([axes, 2 * axes], 1)), 1.0)
    assert float(centroid_spread(torch.stack([axes, -axes], 1))) < 1e-12


def test_centre_scale_and_shape_equal_their_formulae() -> None:
    z = skewed()
    rows = z.numpy()
    mean, std = rows.mean(0), rows.std(0)
    near(off_centre(z), (mean**2).mean())
    near(off_scale(z), ((1 - std) ** 2).mean())
    # As the loss draws them: in float32.
    draw = torch.Generator().manual_seed(4)
    axes = torch.randn(6, 16, generator=draw).double().numpy()
    wanted = [norm.ppf(i / 41) for i in range(1, 41)]
    total = 0.0
    for axis in axes.T:
        shadow = ((rows - mean) / (std + 1e-4)) @ (axis / np.linalg.norm(axis))
        pairs = zip(sorted(shadow), wanted, strict=True)
        total += sum((x - q) ** 2 for x, q in pairs) / 40
    found = off_shape(z, 16, torch.Generator().manual_seed(4))
    near(found, total / 16, rel=1e-6)


def test_the_shape_does_not_see_scale_and_place() -> None:
    z, draw = skewed(), torch.Generator
    one = off_shape(z, 16, draw().manual_seed(0))
    other = off_shape(20 * z + 5, 16, draw().manual_seed(0))
    near(other, float(one), rel=1e-2)
    assert float(off_shape(z**3, 16, draw().manual_seed(0))) > 2 * float(one)


def test_the_scale_term_has_a_gradient_at_any_spread_but_none() -> None:
    """Of 1e-6 as of 1e-2; a hinge with an epsilon under its root loses it."""
    norms = []
    for scale in (1e-6, 1e-4, 1e-2):
        z = sample(64, 8, scale=scale).requires_grad_()
        off_scale(z).backward()
        norms.append(float(z.grad.norm()))
    assert max(norms) < 1.05 * min(norms)
    still = torch.ones(64, 8, requires_grad=True)
    off_scale(still).backward()
    assert (still.grad == 0).all()


def test_infonce_equals_its_formula() -> None:
    predicted, target = sample(9, 4), sample(9, 4, seed=1)
    groups = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])

    def slow(within: bool) -> float:
        total = 0.0
        for i in range(9):
            scores = {}
            for j in range(9):
                if within and groups[i] != groups[j]:
                    continue
                p, t = predicted[i].numpy(), target[j].numpy()
                cosine = p @ t / np.linalg.norm(p) / np.linalg.norm(t)
                scores[j] = math.exp(cosine / 0.3)
            total -= math.log(scores[i] / sum(scores.values()))
        return total / 9

    near(infonce(predicted, target, 0.3), slow(within=False))
    near(infonce(predicted, target, 0.3, groups), slow(within=True))


def test_directions_are_compared_by_their_cosine() -> None:
    pairs = (
        torch.tensor([[1.0, 0.0], [3.0, 3.0]]),
        torch.tensor([[0.0, 2.0], [1.0, 1.0]]),
    )
    torch.testing.assert_close(misdirections(*pairs), torch.tensor([1.0, 0.0]))
    near(misdirection(pairs[0], -pairs[0]), 2.0, rel=1e-6)


def test_dino_equals_its_formula() -> None:
    student, teacher, centre = sample(5, 7), sample(5, 7, seed=1), sample(7, seed=2)
    shares = sharpened(teacher, centre, 0.2)
    total = []
    for s, t in zip(student.numpy(), teacher.numpy(), strict=True):
        heat = np.exp((t - centre.numpy()) / 0.2)
        p, q = heat / heat.sum(), np.exp(s / 0.5) / np.exp(s / 0.5).sum()
        total.append(-(p * np.log(q)).sum())
    found = cross_entropies(student, shares, 0.5)
    np.testing.assert_allclose(found.numpy(), total)
    # The least that a cross-entropy can be: what agrees.
    own = cross_entropies(0.2 * shares.log(), shares, 0.2)
    torch.testing.assert_close(own, entropies(shares))


def test_the_teachers_temperature_rises_and_stays() -> None:
    rising = [temperature_at(0.04, 0.07, 0.3, p) for p in (0.0, 0.15, 0.3, 1.0)]
    assert rising == pytest.approx([0.04, 0.055, 0.07, 0.07])
    assert temperature_at(0.04, 0.07, 0.0, 0.0) == 0.07


def test_errors_from_normed_targets_by_hand() -> None:
    target = torch.tensor([[3.0, 5.0], [10.0, -10.0]])
    torch.testing.assert_close(
        normed(target), torch.tensor([[-1.0, 1.0], [1.0, -1.0]]), rtol=1e-4, atol=1e-4
    )
    predicted = torch.tensor([[0.0, 3.0]])
    wanted = torch.tensor([[0.5, 0.0]])
    near(smooth_errors(predicted, wanted)[0], (0.125 + 2.5) / 2)
    near(absolute_errors(predicted, wanted)[0], (0.5 + 3) / 2)


def test_patches_are_standardised_by_themselves() -> None:
    pixels = sample(6, 12) * 7 + 3
    rows = pixels.numpy()
    standard = (rows - rows.mean(1, keepdims=True)) / rows.std(1, ddof=1, keepdims=True)
    predicted = sample(6, 12, seed=1)
    expected = ((predicted.numpy() - standard) ** 2).mean(1)
    np.testing.assert_allclose(patch_errors(predicted, pixels), expected, rtol=1e-5)
    flat = torch.ones(2, 12)
    assert patch_errors(torch.zeros(2, 12), flat).tolist() == [0.0, 0.0]


def test_residuals_equal_a_loop_over_groups_in_any_order() -> None:
    z, groups = sample(11, 3), torch.tensor([4, 9, 4, 4, 9, 4, 2, 9, 2, 2, 4])
    found = group_residuals(z, groups)
    for name in (2, 4, 9):
        own = z[groups == name].numpy()
        expected = (own - own.mean(0)) * math.sqrt(len(own) / (len(own) - 1))
        np.testing.assert_allclose(found[groups == name], expected, atol=1e-12)


def test_a_group_of_one_has_no_residual() -> None:
    with pytest.raises(ValueError, match="group 7 has one sample"):
        group_residuals(sample(3, 2), torch.tensor([1, 7, 1]))
