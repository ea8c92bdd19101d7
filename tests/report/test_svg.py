"""Scales, ticks and words for numbers, against values worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.report.svg import (
    Scale,
    domain,
    linear_ticks,
    log_ticks,
    number,
    percent,
    suits_log,
    tag,
    text,
)


def test_linear_scale_maps_ends_and_middle() -> None:
    scale = Scale(low=10, high=20, start=100, end=0)
    assert [scale(10), scale(15), scale(20)] == [100, 50, 0]


def test_log_scale_maps_the_geometric_mean_to_the_middle() -> None:
    scale = Scale(low=0.01, high=100, start=0, end=40, log=True)
    assert scale(1.0) == pytest.approx(20)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 100, [0, 25, 50, 75, 100]),
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (-0.5, 0.5, [-0.5, -0.25, 0, 0.25, 0.5]),
        (0, 8, [0, 2, 4, 6, 8]),
    ],
)
def test_linear_ticks(low: float, high: float, expected: list[float]) -> None:
    assert linear_ticks(low, high) == pytest.approx(expected)


def test_log_ticks_are_powers_of_ten_and_finer_when_few_fit() -> None:
    assert log_ticks(0.01, 100, 5) == pytest.approx([0.01, 0.1, 1, 10, 100])
    assert log_ticks(1.5, 9) == pytest.approx([2, 5])
    assert len(log_ticks(1e-12, 1e12, 4)) <= 7


def test_whole_scales_have_whole_ticks() -> None:
    scale = Scale(low=0, high=6, start=0, end=1, whole=True)
    assert all(tick.is_integer() for tick in scale.ticks(5))


@given(
    low=st.floats(-1e6, 1e6, allow_nan=False),
    span=st.floats(1e-6, 1e6, allow_nan=False),
    count=st.integers(2, 10),
)
def test_ticks_lie_inside_and_are_not_many(low: float, span: float, count: int) -> None:
    ticks = linear_ticks(low, low + span, count)
    slack = 1e-6 * (abs(low) + span)
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)
    assert len(ticks) <= 2 * count + 2


@given(st.lists(st.floats(-1e9, 1e9, allow_nan=False), max_size=8))
def test_a_domain_is_never_empty_and_holds_its_values(values: list[float]) -> None:
    low, high = domain(values)
    assert low < high
    assert all(low <= value <= high for value in values)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (98.04, "98"),
        (0.1234, "0.123"),
        (-2.5, "\u22122.5"),
        (12345.0, "12\u202f345"),
        (0.00012, "1.2e\u22124"),
        (3e6, "3e6"),
        (math.nan, "not finite"),
        (math.inf, "not finite"),
    ],
)
def test_number(value: float, expected: str) -> None:
    assert number(value) == expected


def test_percent_does_not_break() -> None:
    assert percent(0.9804) == "98.0\u00a0%"


def test_log_axes_only_for_positive_values_over_many_magnitudes() -> None:
    assert suits_log([0.01, 0.1, 1.0, 10.0])
    assert not suits_log([0.5, 1.0, 2.0])
    assert not suits_log([-1.0, 0.01, 10.0])
    assert not suits_log([])


def test_text_and_attributes_are_escaped() -> None:
    assert "<script>" not in text("<script>", x=1)
    assert tag("line", x1=1.0, data_a='"><script>', class_="s0", r=None) == (
        '<line x1="1" data-a="&quot;&gt;&lt;script&gt;" class="s0"></line>'
    )
