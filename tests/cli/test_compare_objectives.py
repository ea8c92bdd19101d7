"""`telos compare-objectives`: one command, refusals before anything is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.learning.squares import write_squares

from telos.cli.main import OK, USER_ERROR, main
from telos.evaluation.comparing import paces, whole
from telos.evaluation.probes import fitting

FEW = ["--effort", "0.0004", "--length", "4", "--clips", "4", "--device", "cpu"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares.h5", 50)


def test_one_command_compares(clips: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(fitting, "STEPS", 50)
    monkeypatch.setattr(paces, "step_cost", lambda *given: (0.1, 7))
    out = tmp_path / "out"
    order = ["compare-objectives", str(clips), "--out", str(out), *FEW]
    order += ["--objectives", "vicreg", "--seeds", "1"]
    assert main([*order, "--json"]) == OK
    said = json.loads(capsys.readouterr().out)
    found = {row["variant"]: row for row in said["sets"][0]["rows"]}
    assert set(found) == {"vicreg", "untrained", "time-index"}
    assert found["vicreg"]["reading"] is None  # a recording without labels
    assert (found["vicreg"]["seeds"], found["vicreg"]["steps"]) == ([1], 1)
    assert "nothing could be read" in (out / "comparison.html").read_text()
    monkeypatch.setattr(whole, "watch", None)
    assert main(order) == OK
    assert "vicreg" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--objectives", "magic"], "'magic' is unknown"),
        (["--objectives", "pixels", "--masks", "tubes"], "does not suit watchers"),
        (["--held-out", "0.02", "--length", "4"], "probes need at least 10"),
        (["--length", "1"], "leaves nothing to predict"),
        (["--probed", "2", "--length", "4"], "probed is 2"),
        (["--seeds", "0", "0"], "each once"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    options, words, clips: Path, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "out"
    order = ["compare-objectives", str(clips), "--out", str(out), *options]
    assert main(order) == USER_ERROR
    assert words in capsys.readouterr().err
    assert not out.exists()
