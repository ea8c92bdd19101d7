"""`telos import` and `telos export`: from disk to disk, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.data.formats.films import pictures, write_film
from tests.data.worlds import drift_spec, make_episode

from telos.cli.import_ import image_size
from telos.cli.main import main
from telos.data import EpisodeFile, EpisodeWriter

FIXTURES = Path(__file__).parents[1] / "data" / "fixtures" / "lerobot"


def test_a_dataset_of_lerobot_becomes_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.h5"
    arguments = ["import", str(FIXTURES / "v3.0-video"), "--out", str(out)]
    assert main([*arguments, "--image-size", "32", "--shift", "1", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    file = EpisodeFile(out)
    assert (result["format"], result["episodes"]) == ("lerobot-v3.0", 3)
    assert (result["digest"], result["bounds"]) == (file.digest, "convention")
    assert result["imported"]["episodes"] == 3
    assert file.spec.streams["pixels_top"].shape == (32, 32, 3)
    assert {n: file.spec.options[n] for n in ("shift", "every", "fps", "source")} == {
        "shift": 1,
        "every": 1,
        "fps": 10.0,
        "source": "v3.0-video",
    }
    assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--streams", "state"]) == 0
    assert list(EpisodeFile(out).spec.streams) == ["state"]
    told = capsys.readouterr().out
    assert "bounds of actions: [-1, 1]" in told
    assert "next: telos inspect" in told
    assert main(["inspect", str(out)]) == 0


def test_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, folder, second = tmp_path / "a.h5", tmp_path / "out", tmp_path / "b.h5"
    with EpisodeWriter(first, drift_spec()) as writer:
        for seed in range(3):
            writer.append(make_episode(seed))
    export = ["export", str(first), "--to", "lerobot", str(folder)]
    assert main([*export, "--images", "lossless", "--fps", "5", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["format"], result["fps"], result["frames"]) == (
        "lerobot-v3.0",
        5,
        27,
    )
    assert main(["import", str(folder), "--out", str(second), "--image-size", "0"]) == 0
    one, other = EpisodeFile(first).load(), EpisodeFile(second).load()
    assert np.array_equal(one.observations["pixels"], other.observations["pixels"])
    assert np.array_equal(one.actions, other.actions, equal_nan=True)
    assert main(export) == 2
    assert "replace it with --overwrite" in capsys.readouterr().err


def test_there_and_back_by_minari(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, folder, second = tmp_path / "a.h5", tmp_path / "a-v0", tmp_path / "b.h5"
    with EpisodeWriter(first, drift_spec()) as writer:
        for seed in range(3):
            writer.append(make_episode(seed))
    export = ["export", str(first), "--to", "minari", str(folder)]
    assert main([*export, "--fps", "5"]) == 2
    assert "belong to --to lerobot" in capsys.readouterr().err
    assert main([*export, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["format"], result["frames"]) == ("minari", 27)
    assert main(["import", str(folder), "--out", str(second), "--image-size", "0"]) == 0
    one, other = EpisodeFile(first).load(), EpisodeFile(second).load()
    assert np.array_equal(one.observations["pixels"], other.observations["pixels"])
    assert np.array_equal(one.actions, other.actions, equal_nan=True)
    assert main(export) == 2


def test_plain_videos_can_be_inspected_and_not_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        write_film(tmp_path / f"{name}.mp4", pictures(40, 64, 64))
    out = tmp_path / "a.h5"
    assert main(["import", str(tmp_path), "--out", str(out)]) == 0
    assert "no actions: it can be inspected" in capsys.readouterr().out
    sheet = tmp_path / "sheet.png"
    assert main(["inspect", str(out), "--sheet", str(sheet)]) == 0
    assert sheet.exists()
    capsys.readouterr()
    assert main(["train", str(out), "--dry-run"]) == 2
    assert "has no actions" in capsys.readouterr().err


def test_wrong_use_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = ["import", str(FIXTURES / "v3.0-image"), "--out", str(tmp_path / "a.h5")]
    for options, message in (
        (["--episodes", "0"], "--episodes is 0"),
        (["--every", "0"], "every is 0"),
        (["--image-size", "1", "2", "3"], "--image-size is 1 2 3"),
        (["--image-size", "64", "0"], "--image-size is 64 0"),
        (["--overwrite", "--resume"], "choose one of --overwrite and --resume"),
        (["--streams", "pixels"], "has no streams ['pixels']"),
        (["--every", "9"], "nothing to write"),
    ):
        assert main([*fixed, *options]) == 2
        assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_image_sizes() -> None:
    assert image_size((0,)) is None
    assert image_size((64,)) == (64, 64)
    assert image_size((48, 64)) == (48, 64)
