"""Intervals against published tables, closed forms and coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from telos.evaluation.statistics import (
    bootstrap_mean,
    clopper_pearson_upper,
    holm,
    paired_drop,
    t_interval,
    wilson,
)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (20, 20, 83.9, 100.0),
        (48, 50, 86.5, 98.9),
        (97, 100, 91.5, 99.0),
        (291, 300, 94.4, 98.4),
        (495, 500, 97.7, 99.6),
        (995, 1000, 98.8, 99.8),
    ],
)
def test_wilson_matches_published_table(k, n, low, high):
    rate = wilson(k, n)
    assert round(100 * rate.low, 1) == low
    assert round(100 * rate.high, 1) == high


@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_matches_scipy_and_contains_the_rate(n, share):
    k = round(share * n)
    rate = wilson(k, n)
    reference = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert math.isclose(rate.low, reference.low, abs_tol=1e-9)
    assert math.isclose(rate.high, reference.high, abs_tol=1e-9)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1


def test_rate_prints_count_share_and_interval():
    assert str(wilson(97, 100)) == "97/100 = 97.0 % [91.5, 99.0]"


@pytest.mark.parametrize(
    ("k", "n", "percent", "digits"),
    [
        (0, 20, 13.9, 1),
        (0, 50, 5.8, 1),
        (0, 96, 3.1, 1),
        (0, 299, 1.00, 2),
        (3, 300, 2.6, 1),
        (0, 1000, 0.30, 2),
        (1, 1000, 0.47, 2),
        (3, 1000, 0.77, 2),
        (0, 2995, 0.10, 2),
    ],
)
def test_clopper_pearson_matches_published_table(k, n, percent, digits):
    assert round(100 * clopper_pearson_upper(k, n), digits) == percent


@pytest.mark.parametrize("n", [1, 7, 300])
def test_clopper_pearson_closed_forms(n):
    assert math.isclose(clopper_pearson_upper(0, n), 1 - 0.05 ** (1 / n), rel_tol=1e-9)
    assert clopper_pearson_upper(n, n) == 1.0


@pytest.mark.parametrize(("k", "n"), [(0, 299), (1, 473), (2, 628), (3, 773)])
def test_clopper_pearson_needs_the_tabulated_number_of_trials(k, n):
    assert clopper_pearson_upper(k, n) <= 0.01 < clopper_pearson_upper(k, n - 1)


def test_t_interval_closed_form_of_three_values():
    interval = t_interval([1.0, 2.0, 3.0])
    half = 4.302652729911275 / math.sqrt(3)  # t(0.975, 2) * sd 1 / sqrt(3)
    assert interval.mean == 2.0
    assert math.isclose(interval.low, 2 - half)
    assert math.isclose(interval.high, 2 + half)


def test_one_run_has_no_interval():
    with pytest.raises(ValueError, match="at least 2 values"):
        t_interval([0.98])


def test_bootstrap_approaches_the_normal_interval():
    sample = np.random.default_rng(0).normal(5, 2, 400)
    interval = bootstrap_mean(sample)
    half = 1.96 * sample.std(ddof=1) / 20
    assert abs(interval.low - (sample.mean() - half)) < 0.03
    assert abs(interval.high - (sample.mean() + half)) < 0.03
    assert bootstrap_mean([3.0, 3.0]).low == 3.0


outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80)


@given(outcomes)
def test_a_drop_lies_in_its_interval_and_turns_with_its_sides(pairs):
    before, after = zip(*pairs, strict=True)
    there, back = paired_drop(before, after), paired_drop(after, before)
    assert -1 <= there.low <= there.difference <= there.high <= 1
    assert math.isclose(there.low, -back.high, abs_tol=1e-12)
    assert there.p == back.p
    assert math.isclose(there.difference, np.mean(before) - np.mean(after))


def test_mcnemar_counts_only_the_episodes_that_changed():
    after = [True] * 15 + [False] * 5
    assert paired_drop([True] * 20, after).p == 2 * 0.5**5
    swapped = [False, *[True] * 9], [*[True] * 9, False]
    assert paired_drop(*swapped).p == 1
    assert paired_drop([True] * 6, [True] * 6).difference == 0


def test_the_interval_of_a_drop_covers_it():
    rng, covered = np.random.default_rng(0), []
    for _ in range(400):
        before = rng.uniform(size=60) < 0.9
        after = before & (rng.uniform(size=60) < 0.8)
        drop = paired_drop(before.tolist(), after.tolist())
        covered.append(drop.low <= 0.18 <= drop.high)
    assert 0.93 <= np.mean(covered) <= 1


def test_pairing_makes_the_interval_of_a_drop_narrow():
    before = np.arange(400) < 300
    alike = np.arange(400) < 260
    unlike = np.arange(400) >= 140
    paired = paired_drop(before.tolist(), alike.tolist())
    crossed = paired_drop(before.tolist(), unlike.tolist())
    assert paired.difference == crossed.difference
    assert paired.high - paired.low < 0.6 * (crossed.high - crossed.low)
    # Many alike episodes: close to the normal interval of the paired difference.
    half = 1.96 * math.sqrt(40 - 40**2 / 400) / 400
    assert abs(paired.low - (0.1 - half)) < 0.01


def test_holm_corrects_for_several_questions():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_unpaired_episodes_are_refused():
    with pytest.raises(ValueError, match="2 and 1 episodes cannot be paired"):
        paired_drop([True, False], [True])


@pytest.mark.parametrize(("k", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(k, n):
    with pytest.raises(ValueError, match="0 <= k <= n"):
        wilson(k, n)


def test_nan_and_bad_confidence_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        bootstrap_mean([1.0, float("nan")])
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, confidence=95)
