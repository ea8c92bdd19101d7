"""The page of findings: self-contained, escaped, complete, and also told in words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tests.report.test_page import HOSTILE, Page

from telos.report import Shot, build_inspection


def finding(level: str, name: str, **fields: Any) -> dict[str, Any]:
    filled = {
        "family": "cameras",
        "check": name,
        "level": level,
        "text": "something was found",
        "value": 0.25,
        "unit": "share of steps",
        "means": "bad news",
        "remedy": "run `telos import --shift 1` again",
        "numbers": {},
        "charts": [],
        "strips": [],
    }
    return {**filled, **fields}


LINES = {
    "title": "Which row",
    "x_name": "rows late",
    "x": [-1, 0, 1],
    "curves": [{"name": "R2", "y": [0, 0.5, 1], "low": [], "high": []}],
    "note": "a note",
}
BARS = {"title": "Lengths", "x_name": "steps", "edges": [0, 1, 2], "counts": [3, 0]}
STRIP = {"caption": "the light jumps", "stream": "pixels", "frames": [[3, 7]]}


def facts(*checks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    levels = [check["level"] for check in checks]
    filled = {
        "path": "data/rooms.h5",
        "world": "two-rooms",
        "options": {"fps": 10},
        "created": "2026-01-01T00:00:00+00:00",
        "digest": "ab" * 32,
        "bytes": 2**21,
        "episodes": 8,
        "frames": 88,
        "steps": {"min": 10, "median": 10.0, "max": 12},
        "streams": [
            {
                "name": "observations/pixels",
                "shape": [4, 4, 3],
                "dtype": "uint8",
                "unit": "",
            }
        ],
        "actions": [
            {"low": -1, "high": 1, "mean": 0, "std": 0.5, "histogram": [1, 0, 4]}
        ],
        "errors": levels.count("error"),
        "warnings": levels.count("warning"),
        "looked_at": ["images: 88 frames"],
        "checks": list(checks),
    }
    return {**filled, **fields}


def shot(episode: int, frame: int, side: int = 4) -> Shot:
    image = np.full((side, side, 3), 200, np.uint8)
    return Shot(episode=episode, frame=frame, image=image)


@pytest.fixture
def html() -> str:
    checks = (
        finding("error", "alignment", charts=[LINES], value=1.0, unit="rows late"),
        finding("warning", "light of pixels", charts=[BARS], strips=[STRIP]),
        finding("ok", "seeds", charts=[LINES], remedy="", means=""),
    )
    strips = [[], [[shot(3, 7)]], []]
    sheet = {"pixels": [[shot(0, 0), shot(0, 9)]]}
    return build_inspection(facts(*checks), strips=strips, sheet=sheet)


def test_the_page_nests_and_loads_nothing(html: str) -> None:
    page = Page(html)
    assert all(source.startswith("data:image/png") for source in page.having("src"))
    assert {link[1:] for link in page.having("href")} <= set(page.having("id"))
    assert len(page.having("id")) == len(set(page.having("id")))
    assert "default-src 'none'" in html


def test_the_verdict_stands_first_and_links_to_the_cards(html: str) -> None:
    assert "1 error and 1 warning." in html
    assert "do not train on this yet" in html
    order = [
        html.index(word) for word in ("finding-0", "finding-1", "Checked and fine")
    ]
    assert order == sorted(order)
    assert "error, 1 row late" in html
    assert "25\u00a0% of steps" in html


@pytest.mark.parametrize(
    ("levels", "verdict", "badge"),
    [
        (["ok"], "Nothing suspicious was found.", "ready to train on"),
        (["warning", "warning", "ok"], "2 warnings.", "look before you train"),
        (["error"], "1 error.", "do not train on this yet"),
    ],
)
def test_the_badge_follows_the_worst_finding(
    levels: list[str], verdict: str, badge: str
) -> None:
    checks = [finding(level, f"check {n}") for n, level in enumerate(levels)]
    page = build_inspection(facts(*checks), strips=[[] for _ in checks], sheet={})
    assert verdict in page
    assert badge in page


def test_pictures_and_charts_have_words(html: str) -> None:
    page = Page(html)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == [
        "episode 3, frame 7",
        "episode 0, frame 0",
        "episode 0, frame 9",
    ]
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all(drawing["role"] == "img" for drawing in drawings)
    assert all(drawing["aria-label"] for drawing in drawings)


def test_advice_shows_commands_as_code(html: str) -> None:
    assert "Run <code>telos import --shift 1</code> again." in html


def test_nothing_in_a_recording_becomes_markup() -> None:
    check = finding("error", HOSTILE, text=HOSTILE, remedy=f"`{HOSTILE}` {HOSTILE}")
    values = facts(check, world=HOSTILE, path=HOSTILE, looked_at=[HOSTILE])
    html = build_inspection(values, strips=[[]], sheet={HOSTILE: [[shot(0, 0)]]})
    Page(html)
    assert "<script>alert" not in html
    assert "onerror=alert(1)>" not in re.sub(r"&[a-z#0-9]+;", "", html)


def test_large_frames_are_averaged_down() -> None:
    check = finding("ok", "seeds")
    html = build_inspection(
        facts(check), strips=[[]], sheet={"pixels": [[shot(0, 0, side=640)]]}
    )
    (image,) = [attributes for tag, attributes in Page(html).tags if tag == "img"]
    assert (image["width"], image["height"]) == ("160", "160")
