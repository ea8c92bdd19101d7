"""Known spectra have known measures, and every verdict has a planted case."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from telos.learning.embeddings import diagnose_embeddings, linear_skill
from telos.learning.spectra import (
    lidar,
    mean_correlation,
    participation_ratio,
    power_slope,
    share_within,
    spectrum,
)

EPISODES, FRAMES, DIMS = 60, 12, 16


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_eigenvalues(values: list[float], rows: int = 400) -> torch.Tensor:
    """Rows whose covariance has exactly these eigenvalues, in a random rotation."""
    count = len(values)
    noise = torch.randn(rows, count, generator=draw(0), dtype=torch.float64)
    columns, _ = torch.linalg.qr(noise - noise.mean(0))
    square = torch.randn(count, count, generator=draw(1), dtype=torch.float64)
    rotation, _ = torch.linalg.qr(square)
    scale = torch.tensor(values, dtype=torch.float64).sqrt() * math.sqrt(rows - 1)
    return columns * scale @ rotation + 3.0


def moving(seed: int = 0) -> np.ndarray:
    """Clips in which every dimension moves smoothly, (E, T, D)."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (EPISODES, 1, DIMS))
    speed = rng.uniform(0.3, 0.9, (1, 1, DIMS))
    return np.sqrt(2) * np.sin(phase + speed * np.arange(FRAMES)[None, :, None])


@pytest.mark.parametrize(
    ("values", "ratio"),
    [([1.0] * 8, 8.0), ([9.0, 1.0], 100 / 82), ([2.0, 2.0, 1e-12], 2.0)],
)
def test_known_spectra(values: list[float], ratio: float) -> None:
    z = with_eigenvalues(values)
    found = spectrum(z)
    np.testing.assert_allclose(found.numpy(), values, rtol=1e-6, atol=1e-9)
    assert participation_ratio(found) == pytest.approx(ratio)
    assert participation_ratio(spectrum(7 * z)) == pytest.approx(ratio)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_the_slope_of_a_power_law(alpha: float) -> None:
    values = [(i + 1.0) ** -alpha for i in range(20)]
    assert power_slope(spectrum(with_eigenvalues(values))) == pytest.approx(alpha)


def test_a_slope_needs_three_directions() -> None:
    assert math.isnan(power_slope(spectrum(with_eigenvalues([1.0, 0.5]))))
    assert participation_ratio(torch.zeros(4)) == 0.0


def test_correlation_of_copies_and_of_strangers() -> None:
    one = torch.randn(5000, 1, generator=draw(2))
    copies = torch.cat([one, -2 * one + 1, torch.full_like(one, 4.0)], dim=1)
    assert mean_correlation(copies) == pytest.approx(1.0, abs=1e-5)
    apart = torch.randn(5000, 8, generator=draw(3))
    # The mean size of a correlation of independent columns is sqrt(2 / (pi N)).
    assert mean_correlation(apart) == pytest.approx(
        math.sqrt(2 / math.pi / 5000), rel=0.3
    )
    assert mean_correlation(one) == 0.0


def test_the_share_within_clips_of_any_length() -> None:
    z = torch.tensor([[0.0], [2.0], [10.0], [10.0], [10.0]])
    clips = torch.tensor([7, 7, 2, 2, 2])
    # Within: 1, 1, 0, 0, 0; in total around a mean of 6.4.
    total = float((z - z.mean()).square().mean())
    assert share_within(z, clips) == pytest.approx(0.4 / total)


def test_lidar_counts_the_directions_between_groups() -> None:
    centres = torch.randn(300, 3, generator=draw(4), dtype=torch.float64) * 10
    groups = torch.arange(300).repeat_interleave(6)
    noise = torch.randn(1800, 8, generator=draw(5), dtype=torch.float64)
    z = noise.clone()
    z[:, :3] += centres[groups]
    assert lidar(z, groups) == pytest.approx(3, abs=0.3)
    # Without groups that differ, all eight directions are equally empty.
    assert lidar(noise, groups) == pytest.approx(8, abs=0.5)
    with pytest.raises(ValueError, match="LiDAR needs at least 2 groups"):
        lidar(noise, torch.arange(1800))


def planted(name: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if name == "complete":
        return 5 + 1e-4 * moving()
    if name == "slow-feature":
        return rng.normal(size=(EPISODES, 1, DIMS)) + 0.05 * moving()
    if name == "dimensional":
        return moving()[..., :1] * np.linspace(1, 2, DIMS) + 0.02 * moving(1)
    if name == "partial":
        return np.where(np.arange(DIMS) < 4, 1e-4, 1.0) * moving()
    return moving()


@pytest.mark.parametrize(
    "name", ["ok", "partial", "dimensional", "slow-feature", "complete"]
)
def test_every_verdict_has_its_case(name: str) -> None:
    found = diagnose_embeddings(planted(name))
    assert found.verdict.name == name
    assert found.notes == []
    assert len(found.spectrum) == DIMS
    # Rows in any order, with the clip of each, say the same.
    z = planted(name).reshape(-1, DIMS)
    order = np.random.default_rng(1).permutation(len(z))
    clips = np.repeat(np.arange(EPISODES), FRAMES)
    shuffled = diagnose_embeddings(z[order], clips=clips[order])
    assert shuffled.verdict.name == name
    assert shuffled.spectrum == pytest.approx(found.spectrum, rel=1e-6, abs=1e-12)


def test_without_clips_slow_features_are_not_seen_and_it_says_so() -> None:
    found = diagnose_embeddings(planted("slow-feature").reshape(-1, DIMS))
    assert found.verdict.name == "ok"
    assert "slow features cannot be seen" in found.notes[0]
    assert "within_share" not in found.verdict.evidence


def test_a_model_that_predicts_worse_than_no_change_is_an_alarm() -> None:
    z = moving()
    assert diagnose_embeddings(z, predictions=z).verdict.evidence[
        "prediction_skill"
    ] == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    bad = z + 5 * rng.normal(size=z.shape)
    bad[:, :2] = np.nan
    found = diagnose_embeddings(z, predictions=bad).verdict
    assert found.name == "partial"
    assert "prediction skill -" in found.text


def test_the_skill_of_a_linear_predictor_in_closed_form() -> None:
    """Noise: predicting the mean has half the error of no change. Walks: no more."""
    noise = torch.randn(400, 10, 3, generator=draw(6), dtype=torch.float64)
    assert linear_skill(noise) == pytest.approx(0.5, abs=0.03)
    assert linear_skill(noise.cumsum(dim=1)) == pytest.approx(0.0, abs=0.03)
    turn = torch.tensor([[0.8, 0.6], [-0.6, 0.8]], dtype=torch.float64)
    spin = [torch.randn(40, 2, generator=draw(7), dtype=torch.float64)]
    for _ in range(9):
        spin.append(spin[-1] @ turn)
    assert linear_skill(torch.stack(spin, dim=1)) > 0.99


def test_a_layout_with_hardly_any_motion_is_not_worse_than_no_change() -> None:
    still = torch.randn(30, 1, 32, generator=draw(8), dtype=torch.float64)
    noise = torch.randn(30, 20, 32, generator=draw(9), dtype=torch.float64)
    assert -0.05 < linear_skill(still + 0.05 * noise) < 0.5


def test_rows_of_unit_length_have_their_own_scale() -> None:
    rng = np.random.default_rng(0)
    dims = 900
    z = rng.normal(size=(4000, dims))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    shrunk = 0.2 * z
    assert diagnose_embeddings(shrunk, scale=0.2 * dims**-0.5).verdict.name == "ok"
    assert diagnose_embeddings(shrunk).verdict.name == "complete"
    assert any("unit length" in note for note in diagnose_embeddings(z).notes)


def test_few_rows_are_judged_by_what_they_can_show() -> None:
    found = diagnose_embeddings(np.random.default_rng(0).normal(size=(20, 512)))
    assert found.verdict.name == "ok"
    assert "20 rows for 512 dimensions" in found.notes[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
def test_numbers_of_any_kind(dtype) -> None:
    z = (20 * moving()).astype(dtype)
    assert diagnose_embeddings(z).verdict.name == "ok"
    assert diagnose_embeddings(torch.from_numpy(z)).verdict.name == "ok"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"embeddings": np.zeros(5)}, r"expected \(N, D\)"),
        ({"embeddings": np.zeros((1, 5))}, "one row has no spread"),
        ({"embeddings": np.array([["a"]])}, "expected numbers"),
        ({"embeddings": np.full((9, 2), np.nan)}, "9 of 9 rows hold NaN"),
        ({"embeddings": moving(), "clips": np.zeros(5)}, "leave out the clips"),
        ({"embeddings": moving()[0], "clips": np.zeros(5)}, "a whole number"),
        (
            {"embeddings": moving()[0], "predictions": moving()[0]},
            "the order of frames",
        ),
        (
            {"embeddings": moving(), "predictions": moving()[:2]},
            "one prediction per row",
        ),
        (
            {"embeddings": moving(), "predictions": np.full(moving().shape, np.nan)},
            "expected at least one that is known",
        ),
        ({"embeddings": moving(), "scale": 0.0}, "expected a deviation above 0"),
        ({"embeddings": moving(), "groups": np.zeros(4)}, "groups are"),
    ],
)
def test_bad_arrays_are_refused(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        diagnose_embeddings(options.pop("embeddings"), **options)
