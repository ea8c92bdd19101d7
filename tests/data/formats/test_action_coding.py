"""Actions get finite bounds that hold them, whatever a recording says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from telos.data.formats.action_coding import (
    ActionCoding,
    ActionRange,
    continuous,
    discrete,
    found_choices,
)


def seen(*blocks: object) -> ActionRange:
    rows = [np.asarray(block) for block in blocks]
    found = ActionRange(rows[0].shape[1:])
    for block in rows:
        found.add(block)
    return found


def test_declared_bounds_are_kept_when_actions_keep_them() -> None:
    declared = np.array([-2.0, 0.0]), np.array([2.0, 5.0])
    coding = continuous(seen([[0.5, 4.0]], [[-1.0, 1.0]]), declared)
    assert coding.origin == "declared"
    np.testing.assert_array_equal(coding.low, [-2, 0])
    np.testing.assert_array_equal(coding.high, [2, 5])


@pytest.mark.parametrize(
    "declared",
    [
        (np.array([-np.inf]), np.array([np.inf])),
        (np.array([0.0]), np.array([0.0])),
        (np.array([0.6]), np.array([1.0])),
        (np.zeros(2), np.ones(2)),
    ],
)
def test_useless_bounds_give_way_to_the_convention(declared: tuple) -> None:
    coding = continuous(seen([[0.5], [-0.25]]), declared)
    assert coding.origin == "convention"
    np.testing.assert_array_equal([coding.low, coding.high], [[-1], [1]])


def test_larger_actions_are_measured_and_still_ones_get_room() -> None:
    coding = continuous(seen([[3.0, 7.0]], [[-4.0, 7.0]]))
    assert coding.origin == "measured"
    np.testing.assert_array_equal(coding.low, [-4, 6])
    np.testing.assert_array_equal(coding.high, [3, 8])


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 3)),
        elements=st.floats(-1e6, 1e6),
    )
)
def test_bounds_hold_every_action(actions: np.ndarray) -> None:
    coding = continuous(seen(actions))
    found = coding.encode(actions)
    assert found.dtype == coding.low.dtype == coding.high.dtype == np.float32
    slack = 1e-4 * (coding.high - coding.low)
    assert (coding.low < coding.high).all()
    assert ((found >= coding.low - slack) & (found <= coding.high + slack)).all()


def test_what_is_not_finite_does_not_count() -> None:
    coding = continuous(seen([[np.nan], [np.inf], [5.0], [2.0]]))
    np.testing.assert_array_equal([coding.low, coding.high], [[2], [5]])


def test_an_empty_block_changes_nothing() -> None:
    np.testing.assert_array_equal(seen(np.zeros((0, 2)), np.ones((1, 2))).low, [1, 1])


def test_choices_become_one_hot() -> None:
    coding = discrete([3, 2], [1, 0])
    found = coding.encode(np.array([[1, 0], [3, 1]]))
    np.testing.assert_array_equal(found, [[1, 0, 0, 1, 0], [0, 0, 1, 0, 1]])
    assert (coding.low == 0).all()
    assert (coding.high == 1).all()
    assert coding.options() == {
        "bounds": "one-hot",
        "choices": [3, 2],
        "starts": [1, 0],
    }


@pytest.mark.parametrize("choice", [0, 4])
def test_an_impossible_choice(choice: int) -> None:
    with pytest.raises(ValueError, match="outside 1 to 3"):
        discrete([3], [1]).encode(np.array([choice]))


def test_unknown_choices_are_counted() -> None:
    coding = found_choices(seen(np.array([0, 4, 2])))
    assert (coding.choices, coding.starts) == ((5,), (0,))


def refuse_negative() -> ActionCoding:
    return found_choices(seen(np.array([0, -1])))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: continuous(seen([[np.nan]])), "no finite number"),
        (lambda: continuous(seen(np.zeros((2, 0)))), "no dimensions"),
        (lambda: continuous(seen([[1e300], [0.0]])), "do not fit into float32"),
        (refuse_negative, "is negative"),
        (lambda: found_choices(seen(np.array([10**9]))), "expected less than"),
        (lambda: discrete([], []), "one-hot"),
        (lambda: discrete([10**6], [0]), "one-hot"),
        (lambda: discrete([0, 4], [0, 0]), "one-hot"),
        (lambda: seen(np.zeros((1, 2)), np.zeros((1, 3))), "as before"),
    ],
)
def test_actions_that_cannot_be_stored(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
