"""Contrast cancels whatever the halves do on their own, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.evaluation.surprise.contrast import (
    contrast,
    contrast_hits,
    pairwise_hits,
    relative_contrast,
)
from telos.evaluation.surprise.scores import auroc, hedges_g, score_quadruplets

whole = st.integers(0, 10**6)
pairs = st.tuples(whole, whole)


@given(f=pairs, g=pairs)
def test_an_additive_surprise_has_no_contrast_at_all(f, g) -> None:
    clip = np.array(
        [[f[0] + g[0], f[1] + g[1], f[0] + g[1], f[1] + g[0]]], dtype=np.float64
    )
    assert contrast(clip) == 0.0
    assert contrast_hits(clip) == 0.5


@given(f=pairs, g=pairs, bonus=st.integers(1, 1000))
def test_an_interaction_is_the_contrast(f, g, bonus) -> None:
    clip = np.array([[f[0] + g[0], f[1] + g[1], f[0] + g[1], f[1] + g[0]]], float)
    clip[:, 2:] += bonus
    assert contrast(clip) == 2 * bonus


@given(scale=st.floats(1e-3, 1e3))
def test_accuracy_does_not_depend_on_the_unit_of_surprise(scale: float) -> None:
    clip = np.random.default_rng(0).gamma(2.0, size=(50, 4))
    clip[::5, 2:] = clip[::5, :2]
    np.testing.assert_array_equal(contrast_hits(clip), contrast_hits(scale * clip))
    np.testing.assert_array_equal(pairwise_hits(clip), pairwise_hits(scale * clip))


def test_rounding_is_a_tie_and_a_difference_is_not() -> None:
    clip = np.array([[0.1, 0.2, 0.1, 0.2]])
    assert contrast_hits(clip + np.array([0, 0, 1e-8, 0])) == 0.5
    assert contrast_hits(clip + np.array([0, 0, 1e-4, 0])) == 1.0
    assert contrast_hits(clip - np.array([0, 0, 1e-4, 0])) == 0.0


def test_pairs_are_fooled_where_contrast_is_not() -> None:
    """Whatever ends with b0 surprises by 1: appearing is more than vanishing."""
    bias = np.tile([1.0, 0.0, 0.0, 1.0], (20, 1))
    assert pairwise_hits(bias).mean(axis=0).tolist() == [0.0, 1.0]
    assert contrast_hits(bias).mean() == 0.5
    # With a little understanding on top, pairs still look like chance.
    both = bias + np.array([0, 0, 0.1, 0.1])
    assert pairwise_hits(both).mean() == 0.5
    assert contrast_hits(both).mean() == 1.0
    assert relative_contrast(both) == pytest.approx(0.2)


def test_nothing_that_surprises_has_no_relative_contrast() -> None:
    assert np.isnan(relative_contrast(np.zeros((3, 4))))
    assert contrast_hits(np.zeros((3, 4))).tolist() == [0.5] * 3


@given(
    possible=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    impossible=st.lists(st.integers(0, 9), min_size=1, max_size=12),
)
def test_auroc_is_every_comparison_counted(possible, impossible) -> None:
    counted = [1.0 if i > p else 0.5 * (i == p) for p in possible for i in impossible]
    found = auroc(np.array(possible, float), np.array(impossible, float))
    assert found == pytest.approx(np.mean(counted))


def test_hedges_g_by_hand() -> None:
    # Means 5 and 2; squares within 2 and 2 over 4 degrees: spread 1; J = 1 - 3/15.
    assert hedges_g([4, 5, 6], [1, 2, 3]) == pytest.approx(3 * 0.8)
    assert hedges_g([5], [1, 2, 3]) == pytest.approx(3 * (1 - 3 / 7))
    assert hedges_g([3], [1, 1]) == float("inf")
    with pytest.raises(ValueError, match="1 trained and 1 untrained"):
        hedges_g([1], [1])


def test_the_interval_covers_the_true_share() -> None:
    """A contrast that is positive in 80 % of quadruplets; 95 % intervals."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        sign = np.where(rng.random(100) < 0.8, 1.0, -1.0)
        trace = np.full((100, 4, 3), 1.0)
        trace[:, 2] += 0.1 * sign[:, None]
        found = score_quadruplets(trace, np.zeros(100, int)).contrast
        covered += found.low <= 0.8 <= found.high
    assert 51 <= covered <= 60


def test_every_score_of_a_known_trace() -> None:
    trace = np.full((4, 4, 6), np.nan)
    trace[..., 1:] = 1.0
    trace[:, 2:, 3] = 2.0  # the impossible clips surprise by 1 more on frame 3
    found = score_quadruplets(trace, np.full(4, 3), event_frames=2)
    assert found.contrast.mean == found.contrast_max.mean == 1.0
    assert found.relative_contrast == pytest.approx(0.2)
    assert [pair.mean for pair in found.pairwise] == [1.0, 1.0]
    assert (found.auroc_mean, found.auroc_max) == (1.0, 1.0)
    assert found.event_delta.mean == pytest.approx(0.5)
    assert (found.count, found.contrast.over) == (4, "quadruplets")


@pytest.mark.parametrize(
    ("trace", "visible", "said"),
    [
        (np.full((2, 4, 3), np.nan), np.zeros(2, int), "no frame whose surprise"),
        (np.full((2, 4, 3), np.inf), np.zeros(2, int), "infinite surprise"),
        (np.ones((2, 3, 3)), np.zeros(2, int), r"expected \(Q, 4\)"),
        (np.ones((2, 4, 3)), np.array([0, 3]), "one frame inside"),
        (np.ones((2, 4, 3)), np.array([0]), "one frame inside"),
    ],
)
def test_bad_traces_are_refused(trace, visible, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        score_quadruplets(trace, visible)
