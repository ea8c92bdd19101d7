"""The tables in the documentation say what the result files say."""

from __future__ import annotations

import json

import pytest
from benchmarks.tables import MARKED, ROOT, main, number, pages, rendered

RESULT = {
    "command": "make bench",
    "commit": "abc123",
    "machine": {"cpu": "Some CPU", "cores": 2, "gpu": None},
    "seconds": 90,
    "rows": [
        {
            "name": "random layouts",
            "value": 0.955,
            "unit": "share",
            "n": 200,
            "low": 0.917,
            "high": 0.976,
            "floor": 0.12,
            "ceiling": 1.0,
            "target": ">= 90 %",
            "met": True,
        },
        {"name": "decision", "value": 12.34, "unit": "ms", "met": False},
    ],
}
TABLE = """\
| what | result | 95 % interval | n | floor | ceiling | target | met |
| --- | --- | --- | --- | --- | --- | --- | --- |
| random layouts | 95.5 % | 91.7 % to 97.6 % | 200 | 12.0 % | 100.0 % | >= 90 % | yes |
| decision | 12.3 ms |  |  |  |  |  | **no** |

`make bench`, commit `abc123`, Some CPU, 2 cores, no GPU, 1.5 minutes.
"""
PAGE = "Before.\n\n<!-- table:rooms -->\nold\n<!-- /table -->\n\nAfter.\n"


@pytest.fixture
def house(tmp_path):
    """A repository with one page and one result."""
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    (results / "rooms.json").write_text(json.dumps(RESULT))
    (tmp_path / "README.md").write_text(PAGE)
    return tmp_path


def test_the_committed_tables_equal_the_results() -> None:
    assert main(["--check"]) == 0, "run: python benchmarks/tables.py"


def test_every_committed_result_is_shown_somewhere() -> None:
    shown = {m["name"] for p in pages(ROOT) for m in MARKED.finditer(p.read_text())}
    committed = {p.stem for p in (ROOT / "benchmarks" / "results").glob("*.json")}
    assert committed <= shown


def test_a_table_is_written_between_its_markers(house) -> None:
    text = rendered(PAGE, house / "benchmarks" / "results")
    assert text == PAGE.replace("old\n", TABLE)


def test_writing_changes_a_page_once_and_checking_never(house, capsys) -> None:
    assert main(["--check"], house) == 1
    assert (house / "README.md").read_text() == PAGE
    assert main([], house) == 0
    assert main(["--check"], house) == 0
    assert capsys.readouterr().out == "README.md is out of date\nREADME.md rewritten\n"


def test_a_table_without_result_says_so(tmp_path) -> None:
    assert "Not measured yet" in rendered(PAGE, tmp_path)
    assert "old" not in rendered(PAGE, tmp_path)


def test_empty_columns_are_left_out(house) -> None:
    path = house / "benchmarks" / "results" / "rooms.json"
    rows = [{"name": "rate", "value": 6600, "unit": "frames/s"}]
    path.write_text(json.dumps({**RESULT, "rows": rows}))
    text = rendered(PAGE, path.parent)
    assert "| what | result |\n| --- | --- |\n| rate | 6,600 frames/s |\n" in text


@pytest.mark.parametrize("broken", [{"rows": []}, {**RESULT, "rows": [{"name": "x"}]}])
def test_an_incomplete_result_is_refused(house, broken) -> None:
    path = house / "benchmarks" / "results" / "rooms.json"
    path.write_text(json.dumps(broken))
    with pytest.raises(ValueError, match="has no .*see the head of"):
        rendered(PAGE, path.parent)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.5, "share", "50.0 %"), (1.414, "px", "1.41 px"), (123.4, "ms", "123 ms")],
)
def test_numbers_are_rounded(value, unit, text) -> None:
    assert number(value, unit) == text
