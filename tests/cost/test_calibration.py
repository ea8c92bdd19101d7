"""Calibration: the finite-sample quantile, and that it covers."""

import warnings

import numpy as np
import pytest

from telos.cost import calibrate, conformal_buffer


@pytest.mark.parametrize(
    ("n", "alpha", "rank"), [(99, 0.01, 99), (9, 0.1, 9), (19, 0.1, 18), (100, 0.1, 91)]
)
def test_the_buffer_is_the_right_order_statistic(n, alpha, rank):
    scores = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))
    assert conformal_buffer(scores, np.zeros(n), alpha) == rank


def test_too_few_plans_are_refused_with_the_number_needed():
    with pytest.raises(ValueError, match="at least 99"):
        conformal_buffer(np.zeros(98), np.zeros(98), 0.01)


def test_a_pessimistic_model_earns_no_discount():
    assert conformal_buffer(np.full(20, -5.0), np.zeros(20), 0.1) == 0.0


def test_coverage_of_exchangeable_plans():
    rng = np.random.default_rng(0)
    n, alpha, repeats = 49, 0.1, 4000
    scores = rng.normal(size=(repeats, n + 1)) + 1.0
    missed = [
        row[-1] > conformal_buffer(row[:-1], np.zeros(n), alpha) for row in scores
    ]
    tolerance = 3 * np.sqrt(alpha * (1 - alpha) / repeats)
    assert abs(np.mean(missed) - alpha) < tolerance


@pytest.mark.parametrize(
    ("predicted", "true", "alpha", "message"),
    [
        (np.zeros(20), np.zeros(19), 0.1, "same length"),
        (np.zeros((20, 1)), np.zeros((20, 1)), 0.1, "two vectors"),
        (np.full(20, np.nan), np.zeros(20), 0.1, "not finite"),
        (np.zeros(20), np.zeros(20), 0.0, "alpha is 0"),
        (np.zeros(20), np.zeros(20), 1.0, "alpha is 1"),
    ],
)
def test_bad_scores_are_refused(predicted, true, alpha, message):
    with pytest.raises(ValueError, match=message):
        conformal_buffer(predicted, true, alpha)


def test_a_calibration_knows_its_origin_and_warns_about_more_search():
    predicted = np.random.default_rng(1).normal(size=30)
    origin = {"planner": "icem", "evaluations": 640}
    calibration = calibrate(predicted, np.zeros(30), 0.1, **origin)
    assert (calibration.num_plans, calibration.evaluations) == (30, 640)
    again = calibrate(predicted, np.zeros(30), 0.1, **{**origin, "evaluations": 9})
    assert calibration.digest == again.digest
    with pytest.warns(UserWarning, match="calibrated at 640 model evaluations"):
        calibration.check("icem", 641)
    with pytest.warns(UserWarning, match="for the planner 'icem', but 'gradient'"):
        calibration.check("gradient", 640)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calibration.check("icem", 640)
