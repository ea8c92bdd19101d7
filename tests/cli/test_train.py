"""`telos train`: refusals, the dry run, and processes that are stopped and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.learning.worlds import write_moving_dots, write_walks

from telos.cli.main import INTERRUPTED, OK, USER_ERROR, main
from telos.runs import Run

FEW = ["--effort", "0.01", "--critic", "paths"]


@pytest.fixture(scope="module")
def episodes(tmp_path_factory) -> Path:
    return write_walks(tmp_path_factory.mktemp("data") / "walks.h5")


def refused(capsys, *args: object) -> str:
    """The message of a command that must fail."""
    assert main(["train", *map(str, args)]) == USER_ERROR
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error
    return error


# --- bad input


def test_no_file_and_missing_files_are_refused(capsys, tmp_path) -> None:
    assert "no episode file; give one" in refused(capsys)
    assert "does not exist" in refused(capsys, tmp_path / "none.h5")
    assert "no run folder" in refused(capsys, "--resume", tmp_path / "none")
    text = tmp_path / "notes.h5"
    text.write_text("no data")
    assert "not an HDF5 file" in refused(capsys, text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--backbone", "resnet"],
            ["backbone.kind", "'resnet'", "'keypoints', 'conv'"],
        ),
        (["--predictor", "mamba"], ["predictor.kind", "'mamba'", "'transformer'"]),
        (
            ["--critic", "hiql"],
            ["critic.form", "'auto', 'paths', 'expectile', 'quasimetric'"],
        ),
        (["--anti-collapse", "no"], ["anti_collapse", "'vicreg', 'sigreg', 'none'"]),
        (
            ["--predictor", "tokens"],
            ["state is one vector", "backbone vit-tokens", "or another predictor"],
        ),
        (
            ["--predictor", "tokens", "--backbone", "vit-tokens"],
            ["cuts images into patches", "['state'] without images"],
        ),
        (["--streams", "sound"], ["['sound'] are not recorded", "['state']"]),
        (["--effort", "0"], ["effort is 0"]),
        (["--history", "0"], ["history is 0, expected at least 1"]),
        (["--frame-skip", "9"], ["needs episodes of", "the longest has 31"]),
        (["--dtype", "float64"], ["unknown dtype", "float32 or bfloat16"]),
        (["--device", "tpu"], ["unknown device"]),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    options, words, episodes, tmp_path, capsys
) -> None:
    out = tmp_path / "run"
    message = refused(capsys, episodes, "--out", out, *options)
    for word in words:
        assert word in message
    assert not out.exists()


def test_too_few_episodes_are_refused(tmp_path, capsys) -> None:
    single = write_walks(tmp_path / "one.h5", episodes=1)
    message = refused(capsys, single, "--out", tmp_path / "run")
    assert "one side would be empty; record more" in message


def test_an_existing_run_is_kept(episodes, tmp_path, capsys) -> None:
    out = tmp_path / "run"
    Run.create(out, {})
    message = refused(capsys, episodes, "--out", out, *FEW)
    assert f"--resume {out}" in message
    assert "--overwrite" in message


def test_episodes_that_changed_are_refused(tmp_path, capsys, finished) -> None:
    other = write_walks(tmp_path / "other.h5", episodes=25)
    message = refused(capsys, other, "--resume", finished)
    assert "has changed since this run began" in message


# --- the dry run


def test_a_dry_run_foretells_and_writes_nothing(episodes, tmp_path, capsys) -> None:
    before = sorted(episodes.parent.iterdir())
    out = tmp_path / "run"
    args = ["train", str(episodes), "--out", str(out), "--dry-run", "--json"]
    assert main(args) == OK
    told = json.loads(capsys.readouterr().out)
    assert not out.exists()
    assert sorted(episodes.parent.iterdir()) == before
    # 24 episodes, 8 % of them held out, with 31 frames each
    assert (told["episodes"], told["held_out"]) == (24, 2)
    assert told["windows"] == {
        "representation": 22 * 29,
        "dynamics": 22 * 27,
        "chart": 22 * 30,
        "critic": 22 * 30,
        "habit": 22 * 30,
    }
    assert told["samples"]["dynamics"] == told["steps"]["dynamics"] * 512 * 4
    assert told["minutes"] == pytest.approx(sum(told["seconds"].values()) / 60)
    assert told["minutes"] > 0
    assert 2**27 < told["memory_bytes"] < 2**34


def test_a_dry_run_says_that_it_estimates(episodes, tmp_path, capsys) -> None:
    args = ["train", str(episodes), "--out", str(tmp_path / "run"), "--dry-run"]
    assert main([*args, *FEW]) == OK
    text = capsys.readouterr().out
    for words in ("estimated time", "parameters", "30 steps", "model.safetensors"):
        assert words in text


def test_a_dry_run_foretells_the_files(finished, capsys, tmp_path) -> None:
    source = Run.open(finished).config_dict()["data"]
    args = ["train", source, "--out", str(tmp_path / "run"), "--dry-run", "--json"]
    assert main([*args, *FEW]) == OK
    told = json.loads(capsys.readouterr().out)["files"]
    assert {name.rstrip("/") for name in told} == {p.name for p in finished.iterdir()}
    real = (finished / "model.safetensors").stat().st_size
    assert told["model.safetensors"] == pytest.approx(real, rel=0.05)
    stored = sum(p.stat().st_size for p in (finished / "checkpoints").iterdir())
    assert stored <= told["checkpoints/"]


# --- whole trainings


@pytest.fixture(scope="module")
def finished(tmp_path_factory, episodes) -> Path:
    """A training that nobody disturbed."""
    out = tmp_path_factory.mktemp("finished") / "run"
    assert main(["train", str(episodes), "--out", str(out), *FEW, "--quiet"]) == OK
    return out


def test_json_of_a_training_is_clean(episodes, tmp_path, capsys) -> None:
    out = tmp_path / "run"
    args = ["train", str(episodes), "--out", str(out), "--effort", "0.001", "--json"]
    assert main(args) == OK
    result = json.loads(capsys.readouterr().out)
    assert result["run"] == str(out)
    assert result["verdicts"]["representation"]["name"]


def test_keypoints_give_no_tokens_to_mix(tmp_path, capsys) -> None:
    data = write_moving_dots(tmp_path / "dots.h5")
    options = ["--backbone", "keypoints", "--predictor", "tokens"]
    message = refused(capsys, data, "--out", tmp_path / "run", *options)
    assert "this state is one vector; use the backbone vit-tokens" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_patch_tokens_are_trained_stored_and_exported(tmp_path, capsys) -> None:
    """One dial sizes both parts; the program that is exported is checked inside."""
    data = write_moving_dots(tmp_path / "dots.h5")
    out = tmp_path / "run"
    tokens = ["--backbone", "vit-tokens", "--predictor", "tokens"]
    args = ["train", str(data), "--out", str(out), *tokens, "--effort", "0.001"]
    assert main([*args, "--json"]) == OK
    result = json.loads(capsys.readouterr().out)
    assert result["readout_error_median"]["place"] < 1.0
    model = Run.open(out).config_dict()["model"]
    assert (model["state_dim"], model["token_dim"]) == (2 * 2 * 16, 16)
    exported = tmp_path / "programs"
    args = ["export-model", str(out), "--out", str(exported), "--horizon", "3"]
    assert main([*args, "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["latent"] == 2 * 2 * 16 + 16


def start(*args: object) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "telos", "train", *map(str, args)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, "nothing happened for a minute"
        time.sleep(0.005)


def newest(out: Path) -> str:
    names = [p.name for p in (out / "checkpoints").glob("*.safetensors")]
    return max(names, default="")


def test_stopped_killed_and_resumed_equals_undisturbed(
    episodes, finished, tmp_path
) -> None:
    out = tmp_path / "run"
    first = start(episodes, "--out", out, *FEW)
    wait_until(lambda: (out / "metrics.jsonl").exists(), first)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == INTERRUPTED
    assert f"telos train --resume {out}" in " ".join(said.split())
    before = newest(out)
    assert before

    second = start("--resume", out, "--quiet")
    wait_until(lambda: newest(out) > before, second)
    second.kill()
    second.communicate(timeout=60)
    assert not (out / "model.safetensors").exists()

    assert main(["train", "--resume", str(out), "--quiet"]) == OK
    (left, _), (right, _) = Run.open(out).load_model(), Run.open(finished).load_model()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
