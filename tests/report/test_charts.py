"""Charts say what the numbers say: gaps, counts and places are kept."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from telos.report.bars import Part, interval_track, sparkline, stacked_bar
from telos.report.charts import LABEL_GAP, Line, histogram, line_chart


def curve_paths(svg: str) -> list[str]:
    paths = ET.fromstring(svg).iter("path")
    return [p.get("d", "") for p in paths if (p.get("class") or "").startswith("line")]


def chart(*lines: Line, log: bool = False) -> str:
    return line_chart(lines, label="test", x_name="step", log=log)


def test_a_gap_is_not_bridged() -> None:
    whole = Line(name="a", x=[0, 1, 2, 3], y=[1.0, 2.0, 3.0, 4.0])
    broken = Line(name="a", x=[0, 1, 2, 3, 4], y=[1.0, 2.0, None, 3.0, 4.0])
    assert len(curve_paths(chart(whole))) == 1
    assert len(curve_paths(chart(broken))) == 2


@pytest.mark.parametrize("bad", [math.nan, math.inf, None])
def test_values_that_are_not_numbers_never_reach_the_drawing(bad: float | None) -> None:
    svg = chart(Line(name="a", x=[0, 1, 2], y=[1.0, bad, 2.0]))
    assert "nan" not in svg.lower()
    assert "inf" not in svg.lower()


def test_an_empty_or_constant_curve_is_still_a_chart() -> None:
    ET.fromstring(chart(Line(name="a", x=[], y=[])))
    ET.fromstring(chart(Line(name="a", x=[0, 1], y=[2.0, 2.0])))
    ET.fromstring(chart(Line(name="a", x=[5], y=[0.0])))


def test_equal_curves_have_labels_that_do_not_overlap() -> None:
    lines = [Line(name=f"run {i}", x=[0, 1], y=[0.0, 1.0]) for i in range(5)]
    texts = ET.fromstring(chart(*lines)).iter("text")
    ends = [t for t in texts if (t.get("class") or "").startswith("end")]
    heights = sorted(float(t.get("y", "nan")) for t in ends)
    gaps = [b - a for a, b in pairwise(heights)]
    assert len(heights) == 5
    assert min(gaps) >= LABEL_GAP - 1e-6


def test_hover_holds_every_point_in_words() -> None:
    svg = chart(Line(name="a & b", x=[0, 10], y=[0.5, 0.25]))
    found = json.loads(ET.fromstring(svg).get("data-hover", ""))
    assert found[0]["name"] == "a & b"
    assert [point[2:] for point in found[0]["points"]] == [["0", "0.5"], ["10", "0.25"]]


def test_histogram_keeps_every_count_on_its_side_of_the_mark() -> None:
    values = [-2.0, -0.001, 0.0, 0.001, 1.0, 1.0, 5.0, math.nan]
    svg = histogram(
        values, label="t", x_name="m", mark=0.0, mark_name="0", bad_below=True
    )
    bars = list(ET.fromstring(svg).iter("rect"))
    counts = {"good": 0, "bad": 0}
    for bar in bars:
        words = re.search(r": (\d+) episodes", bar.findtext("title") or "")
        assert words is not None
        counts[(bar.get("class") or "").split()[1]] += int(words[1])
    assert counts == {"good": 5, "bad": 2}


def test_interval_is_drawn_where_the_numbers_are() -> None:
    svg = ET.fromstring(interval_track(0.5, 0.25, 0.75, "agent", "note"))
    spans = [e for e in svg.iter("line") if "interval" in (e.get("class") or "")]
    assert (spans[0].get("x1"), spans[0].get("x2")) == ("25.00%", "75.00%")
    assert next(svg.iter("circle")).get("cx") == "50.00%"


def test_shares_of_a_stacked_bar_fill_it() -> None:
    parts = [
        Part(name=n, count=c, css="good") for n, c in (("a", 3), ("b", 0), ("c", 1))
    ]
    rects = list(ET.fromstring(stacked_bar(parts, "t")).iter("rect"))
    assert [r.get("width") for r in rects] == ["75.000%", "25.000%"]
    assert [r.get("x") for r in rects] == ["0.000%", "75.000%"]
    assert not list(ET.fromstring(stacked_bar([], "t")).iter("rect"))


def test_a_sparkline_needs_two_points() -> None:
    assert sparkline([1.0], "t") == ""
    ET.fromstring(sparkline([1.0, math.nan, 2.0], "t"))
