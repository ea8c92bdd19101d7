"""Sentences say neither more nor less than the numbers."""

from __future__ import annotations

import pytest

from telos.report.wording import (
    comparison_sentence,
    duration,
    machine_words,
    read_rate,
    rule_sentence,
    safety_sentence,
    standing,
    success_sentence,
)

NBSP = "\u00a0"


def values(
    k: int = 98, low: float = 0.93, high: float = 0.994, entered: int = 0
) -> dict:
    return {
        "protocol": {
            "options": {"split": "test"},
            "radius": 4.5,
            "unit": "px",
            "budget": 200,
            "success": "last-step",
        },
        "success": {"k": k, "n": 100, "low": low, "high": high},
        "floors": {"random": {"k": 4, "n": 100}, "greedy": {"rate": 0.31}},
        "ceiling": {"value": 1.0, "name": "expert"},
        "violations": {"k": entered, "n": 100, "upper": 0.02912},
    }


def test_the_result_comes_with_count_and_interval() -> None:
    assert success_sentence(values()).replace(NBSP, " ") == (
        "Reaches goals in rooms it has never seen in 98 of 100 episodes "
        "(98.0 %, 95 % interval 93.0\u201399.4 %)."
    )


def test_only_a_test_split_counts_as_unseen() -> None:
    seen = values() | {"protocol": {"options": {"split": "train"}}}
    assert "never seen" not in success_sentence(seen)


def test_missing_counts_and_missing_rates() -> None:
    bare = {"success": {"rate": 0.5}}
    assert success_sentence(bare) == f"Reaches its goals in 50.0{NBSP}% of episodes."
    assert success_sentence({}) == "This evaluation holds no success rate."
    assert comparison_sentence({}) == safety_sentence({}) == rule_sentence({}) == ""


def test_floors_and_the_ceiling_by_its_own_name() -> None:
    assert comparison_sentence(values()).replace(NBSP, " ") == (
        "For comparison: random actions 4 %, straight line 31 %, expert 100 %."
    )


def test_safety() -> None:
    assert safety_sentence(values()).startswith(
        "Never entered the keep-out zone in 100"
    )
    assert f"3.0{NBSP}%" in safety_sentence(values())
    assert "Entered the keep-out zone in 2 of 100" in safety_sentence(values(entered=2))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (values(), "good"),
        (values(entered=1), "mixed"),
        (values(k=70, low=0.60, high=0.78), "mixed"),
        (values(k=100, low=0.676, high=1.0), "few"),
        (values(k=35, low=0.26, high=0.45), "bad"),
        ({}, "unknown"),
    ],
)
def test_standing(given: dict, expected: str) -> None:
    assert standing(given) == expected


def test_the_rule_of_success() -> None:
    assert "4.5\u00a0px of the goal at the last of 200 steps" in rule_sentence(values())
    hit = values()["protocol"] | {"success": "first-hit"}
    assert "at any of 200 steps" in rule_sentence({"protocol": hit})


def test_rates_prefer_counts() -> None:
    rate = read_rate({"a": {"k": 1, "n": 4, "rate": 0.9}}, "a")
    assert rate is not None
    assert rate.rate == 0.25


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4.0, "4 s"), (125, "2 min 05 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds).replace(NBSP, " ") == words


def test_machines_in_words() -> None:
    assert machine_words({"cpu": "X", "cores": 2, "gpu": None}) == "X, 2 cores"
    assert machine_words("a laptop") == "a laptop"
    assert machine_words(None) == ""


def test_a_floor_that_breaks_every_limit_is_no_match_for_a_safe_agent() -> None:
    values = {
        "success": {"k": 196, "n": 200, "low": 0.95, "high": 0.99},
        "violations": {"k": 0, "n": 200},
        "floors": {"greedy": {"k": 200, "n": 200, "low": 0.98, "high": 1.0}},
    }
    assert standing(values) == "bad"
    values["floors"]["greedy"]["safe_success"] = 12
    assert standing(values) == "good"
    assert "straight line 100\u00a0% (6\u00a0% safely)" in comparison_sentence(values)
