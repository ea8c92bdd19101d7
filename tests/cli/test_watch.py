"""`telos watch`: refusals, the dry run, Ctrl-C and going on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.learning.squares import SIZE, square_clips, write_squares
from tests.learning.worlds import write_walks

from telos.cli.main import INTERRUPTED, OK, USER_ERROR, main
from telos.learning import watch as watching
from telos.learning.watch_config import WatchConfig
from telos.learning.watched import load_watcher
from telos.runs import Run

FEW = ["--effort", "0.001", "--length", "8", "--clips", "8", "--device", "cpu"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares.h5")


def refused(capsys, *args: object) -> str:
    """The message of a command that must fail."""
    assert main(["watch", *map(str, args)]) == USER_ERROR
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    return error


def answered(capsys, *args: object) -> dict:
    assert main(["watch", *map(str, args), "--json"]) == OK
    return json.loads(capsys.readouterr().out)


def test_clips_become_a_watcher(clips: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "run"
    said = answered(capsys, clips, "--out", out, *FEW, "--memory", 3)
    assert said["verdicts"]["watching"]["name"]
    config = Run.open(out).config(WatchConfig)
    assert config.model.shape == (SIZE, SIZE, 3)
    assert (config.model.action_dim, config.model.predictor.memory) == (0, 3)
    trace = load_watcher(out).trace(square_clips(2))
    assert np.isfinite(trace[:, 1:]).all()


def test_actions_are_told_unless_they_are_left_out(tmp_path: Path, capsys) -> None:
    data = write_squares(tmp_path / "acted.h5", action_dim=2)
    for name, more, dim in (("told", [], 2), ("not", ["--no-actions"], 0)):
        answered(capsys, data, "--out", tmp_path / name, *FEW, *more)
        assert Run.open(tmp_path / name).config(WatchConfig).model.action_dim == dim


def test_a_dry_run_writes_nothing(clips: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "run"
    said = answered(capsys, clips, "--out", out, *FEW, "--dry-run")
    assert said["estimate"]
    assert (said["episodes"], said["held_out"], said["steps"]) == (30, 2, 3)
    assert said["seconds"] > 0
    assert not out.exists()
    assert main(["watch", str(clips), "--out", str(out), *FEW, "--dry-run"]) == OK
    assert "would write" in capsys.readouterr().out


def test_ctrl_c_saves_and_resume_goes_on(
    clips: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    class Asked:
        requested = True

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            return None

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(watching, "Interrupt", Asked)
        assert main(["watch", str(clips), "--out", str(out), *FEW]) == INTERRUPTED
    assert f"telos watch --resume {out}" in " ".join(capsys.readouterr().err.split())
    assert answered(capsys, "--resume", out, "--device", "cpu")["run"] == str(out)
    answered(capsys, clips, "--out", tmp_path / "whole", *FEW)
    (found, _), (expected, _) = (
        Run.open(path).load_model() for path in (out, tmp_path / "whole")
    )
    assert all((found[name] == expected[name]).all() for name in expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--objective", "magic"], "objective 'magic' is unknown"),
        (
            ["--objective", "pixels", "--within-clip"],
            "within_clip is of no use",
        ),
        (["--backbone", "resnet"], "'resnet'"),
        (["--backbone", "frozen"], "weights"),
        (["--length", "1"], "leaves nothing to predict"),
        (["--length", "99"], "needs episodes of 99 frames, the longest has 10"),
        (["--memory", "0"], "memory is 0 frames"),
        (["--clips", "0"], "clips is 0"),
        (["--stream", "sound"], "'sound' is no recorded stream of images"),
        (["--effort", "0"], "effort is 0"),
        (["--teacher", "runs/none"], "takes no teacher"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    options, words, clips: Path, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "run"
    assert words in refused(capsys, clips, "--out", out, *options)
    assert not out.exists()


def test_bad_files_are_refused(clips: Path, tmp_path: Path, capsys) -> None:
    assert "no episode file; give one" in refused(capsys)
    assert "does not exist" in refused(capsys, tmp_path / "none.h5")
    walks = write_walks(tmp_path / "walks.h5")
    assert "a watcher needs one" in refused(capsys, walks)
    out = tmp_path / "run"
    answered(capsys, clips, "--out", out, *FEW)
    assert "already holds a finished model" in refused(
        capsys, clips, "--out", out, *FEW
    )
    other = write_squares(tmp_path / "other.h5", count=20)
    assert "has changed since" in refused(capsys, other, "--resume", out)


def test_such_a_run_is_described_and_cannot_act(
    clips: Path, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "run"
    answered(capsys, clips, "--out", out, *FEW, "--objective", "sigreg")
    assert main(["info", str(out)]) == OK
    said = " ".join(capsys.readouterr().out.split())
    assert "predicts the next frame, taught by sigreg" in said
    assert main(["evaluate", str(out)]) == USER_ERROR
    assert "has learned by watching" in capsys.readouterr().err
    masked = tmp_path / "masked"
    answered(capsys, clips, "--out", masked, *FEW, "--masks", "future")
    assert main(["info", str(masked)]) == OK
    assert "hidden patches" in capsys.readouterr().out
