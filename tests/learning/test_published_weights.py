"""Each objective with converted weights equals its published loss, in float64.

The conversions are those of docs/losses.md. Published formulae are written out here as
their papers and reference programs have them, sums and all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from telos.learning.objectives import Views, build_objective, objective_config

N, D = 48, 6


def sample(*shape: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def two_views() -> tuple[Tensor, Tensor]:
    mixed = sample(N, D) @ sample(D, D, seed=1) + 0.5
    return mixed, mixed + 0.4 * sample(N, D, seed=2)


def parts_of(kind: str, latents: Tensor | None = None, **changes: Any) -> dict:
    """Terms of an objective on the two views, each multiplied by its weight."""
    first, second = two_views()
    objective = build_objective(objective_config(kind, **changes), D).double()
    views = Views(
        predicted=first,
        target=second,
        latents=first if latents is None else latents,
        clips=torch.zeros(N, dtype=torch.int64),
    )
    _, parts = objective(views, torch.Generator().manual_seed(7))
    return {name: objective.weights[name] * float(v) for name, v in parts.items()}


def total_of(kind: str, **changes: Any) -> float:
    return sum(parts_of(kind, **changes).values())


def equal(found: float, published: float) -> None:
    assert found == pytest.approx(published, rel=1e-9)


def off_diagonal(matrix: np.ndarray) -> np.ndarray:
    return matrix - np.diag(np.diag(matrix))


def unit(z: np.ndarray) -> np.ndarray:
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def test_vicreg_25_25_1() -> None:
    """Divided by 25; both views' covariances are added, their hinges averaged."""
    both = [view.numpy() for view in two_views()]
    published = 25 * ((both[0] - both[1]) ** 2).mean()
    for z in both:
        spread = np.sqrt(z.var(0, ddof=1) + 1e-4)
        published += 25 * np.maximum(0, 1 - spread).mean() / 2
        published += (off_diagonal(np.cov(z.T)) ** 2).sum() / D
    weights = {"variance": 25 / 25, "covariance": 2 * 1 / 25 * (D - 1)}
    found = [parts_of("vicreg", latents=view, **weights) for view in two_views()]
    mean = {name: (found[0][name] + found[1][name]) / 2 for name in found[0]}
    equal(25 * sum(mean.values()), published)


def test_barlow_twins_with_its_lambda() -> None:
    a, b = ((z - z.mean(0)) / z.std(0) for z in (v.numpy() for v in two_views()))
    matrix = a.T @ b / N
    strength = 0.0051
    published = ((1 - np.diag(matrix)) ** 2).sum()
    published += strength * (off_diagonal(matrix) ** 2).sum()
    objective = total_of("barlow", regulariser=strength * (D - 1))
    # BatchNorm adds 1e-5 to variances; the formula does not.
    assert D * objective == pytest.approx(published, rel=1e-4)


def test_w_mse_is_twice_ours() -> None:
    order = torch.randperm(N, generator=torch.Generator().manual_seed(7)).numpy()
    first, second = (view.numpy()[order] for view in two_views())
    published = 0.0
    for half in (slice(0, N // 2), slice(N // 2, N)):
        white = []
        for z in (first[half], second[half]):
            lower = np.linalg.cholesky(np.cov(z.T))
            white.append(np.linalg.solve(lower, (z - z.mean(0)).T).T)
        cosine = (unit(white[0]) * unit(white[1])).sum(1)
        published += (2 - 2 * cosine).sum() / N
    equal(2 * total_of("whitening", sub_batch=N // 2, floor=0.0), published)


def test_mmcr_with_its_lambda() -> None:
    views = np.stack([unit(view.numpy()) for view in two_views()], 1)
    strength, whole, single = 5e-3, math.sqrt(N * D), 2.0
    published = -np.linalg.norm(views.mean(1), "nuc")
    published += strength * sum(np.linalg.norm(z, "nuc") for z in views) / N
    equal(whole * total_of("mmcr", regulariser=strength * single / whole), published)


def test_total_coding_rate_of_emp_ssl() -> None:
    """R(Z) with unit vectors; the program's epsilon is our distortion squared."""
    z, epsilon = unit(two_views()[0].numpy()), 0.2
    inside = np.eye(D) + D / (N * epsilon) * z.T @ z
    published = -0.5 * np.linalg.slogdet(inside)[1]
    changes = {"distortion": math.sqrt(epsilon), "regulariser": float(D)}
    equal(parts_of("coding-rate", **changes)["coding_rate"], published)


def test_log_determinant_of_corinfomax() -> None:
    matrix = np.cov(two_views()[0].numpy().T) + 1e-3 * np.eye(D)
    published = -np.linalg.slogdet(matrix)[1]
    equal(parts_of("logdet", regulariser=float(D))["logdet"], published)


def test_lejepas_sigreg_with_its_lambda() -> None:
    """(1 - l) prediction + l SIGReg, where SIGReg grows with N."""
    strength, z = 0.05, two_views()[0].numpy()
    draw = torch.Generator().manual_seed(7)
    axes = torch.randn(D, 128, generator=draw).double()
    shadows = z @ (axes / axes.norm(dim=0)).numpy()
    knots = torch.linspace(0, 3, 17).double().numpy()
    errors = np.empty((17, 128))
    for row, t in enumerate(knots):
        normal = math.exp(-(t**2) / 2)
        found = np.exp(1j * t * shadows).mean(0)
        errors[row] = np.abs(found - normal) ** 2 * normal
    statistic = N * 2 * np.trapezoid(errors, knots, axis=0).mean()
    weight = strength * N / (1 - strength)
    found = (1 - strength) * parts_of("sigreg", regulariser=weight)["sigreg"]
    assert found == pytest.approx(strength * statistic, rel=1e-5)


def test_visreg_with_its_lambda() -> None:
    strength, z = 0.6, two_views()[0].numpy()
    mean, std = z.mean(0), z.std(0)
    axes = torch.randn(D, 128, generator=torch.Generator().manual_seed(7)).double()
    axes = (axes / axes.norm(dim=0)).numpy()
    shadows = np.sort((z - mean) / (std + 1e-4) @ axes, axis=0)
    wanted = norm.ppf(np.arange(1, N + 1) / (N + 1))[:, None]
    published = (mean**2).mean() + ((1 - std) ** 2).mean()
    published += ((shadows - wanted) ** 2).mean()
    weight = strength / (1 - strength)
    changes = {"mean": weight, "variance": weight, "regulariser": weight}
    found = parts_of("visreg", **changes)
    del found["prediction"]
    assert (1 - strength) * sum(found.values()) == pytest.approx(
        strength * published, rel=1e-6
    )


def test_byol_is_twice_ours_and_simsiam_ours_less_one() -> None:
    first, second = (unit(view.numpy()) for view in two_views())
    equal(2 * total_of("byol"), ((first - second) ** 2).sum(1).mean())
    equal(total_of("simsiam") - 1, -(first * second).sum(1).mean())


def test_infonce_at_its_temperature() -> None:
    first, second = (unit(view.numpy()) for view in two_views())
    scores = np.exp(first @ second.T / 0.5)
    published = -np.log(np.diag(scores) / scores.sum(1)).mean()
    equal(total_of("infonce", temperature=0.5), published)


def test_i_jepa_and_v_jepa() -> None:
    predicted, teacher = two_views()
    target = torch.nn.functional.layer_norm(teacher, (D,))
    smooth = torch.nn.functional.smooth_l1_loss(predicted, target)
    equal(total_of("jepa-ema"), float(smooth))
    absolute = float((predicted - target).abs().mean())
    equal(total_of("v-jepa"), absolute)
    equal(total_of("frozen-teacher"), absolute)


def test_weights_mean_the_same_for_every_width() -> None:
    """A published 25/25/1 means another balance in 64 dimensions than in 2048."""
    line = sample(512, 1)
    for dims in (4, 64):
        z = (line / line.std()).expand(-1, dims)
        objective = build_objective(objective_config("vicreg"), dims).double()
        clips = torch.zeros(512, dtype=torch.int64)
        views = Views(predicted=z, target=z, latents=z, clips=clips)
        _, parts = objective(views, torch.Generator())
        assert float(parts["covariance"]) == pytest.approx(1.0)
