"""Half a run folder is still worth a page; none is a clear error."""

from __future__ import annotations

from pathlib import Path

import pytest

from telos.report.reading import as_number, first, number_at, read_run


def test_a_missing_folder_names_what_to_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="telos train"):
        read_run(tmp_path / "nowhere")


def test_a_foreign_folder_or_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ValueError, match="not a run folder"):
            read_run(path)


def test_a_torn_last_line_costs_only_itself(own_run: Path) -> None:
    path = own_run / "metrics.jsonl"
    rows = len(path.read_text().splitlines())
    path.write_bytes(path.read_bytes()[:-20])
    run = read_run(own_run)
    assert len(run.metrics) == rows - 1
    assert any("1 of" in note and "metrics.jsonl" in note for note in run.notes)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", "{", "could not be read"),
        ("env.json", "[1]", "holds a list, expected an object"),
        ("diagnostics.json", '{"a": 1}', "holds a dict, expected a list"),
        ("evaluations/rooms-zone/evaluation.json", "\x00", "could not be read"),
        ("attribution/rooms-random.json", "[]", "holds a list, expected an object"),
    ],
)
def test_damaged_parts_become_notes(
    own_run: Path, name: str, content: str, words: str
) -> None:
    (own_run / name).write_text(content)
    notes = read_run(own_run).notes
    assert any(words in note and Path(name).name in note for note in notes)


def test_unguarded_evaluations_come_first(own_run: Path) -> None:
    (own_run / "evaluations/rooms-random").rename(own_run / "evaluations/z-random")
    names = [evaluation.name for evaluation in read_run(own_run).evaluations]
    assert names == ["z-random", "rooms-zone"]


@pytest.mark.parametrize("value", ["nan", None, True, float("nan"), float("inf"), []])
def test_what_is_not_a_number_is_none(value: object) -> None:
    assert as_number(value) is None


def test_lookups_survive_wrong_types() -> None:
    values = {"a": {"b": 2}, "c": "text"}
    assert number_at(values, "a", "b") == 2.0
    assert number_at(values, "c", "b") is None
    assert first(values, "x.y", "c", "a.b") == "text"
