"""From a recording of somebody else to a plan, with a mistake in it on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telos.cli.main import main
from telos.data import EpisodeFile, EpisodeWriter


def answer(capsys: pytest.CaptureFixture[str], *order: str) -> dict:
    """What a verb says with --json."""
    capsys.readouterr()
    assert main([*order, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def recorded_late(tmp_path: Path) -> Path:
    """A LeRobot dataset of two rooms whose recorder stored actions one row late."""
    right, late, folder = tmp_path / "a.h5", tmp_path / "late.h5", tmp_path / "arm"
    size = ["--episodes", "24", "--steps", "40"]
    assert main(["collect", "two-rooms", "--out", str(right), *size]) == 0
    file = EpisodeFile(right)
    with EpisodeWriter(late, file.spec) as writer:
        for number in range(file.num_episodes):
            episode = file.episode(number)
            shifted = np.roll(episode.actions, 1, axis=0)
            writer.append(replace(episode, actions=shifted))
    order = ["export", str(late), "--to", "lerobot", str(folder)]
    assert main([*order, "--images", "lossless", "--fps", "10"]) == 0
    return folder


def alignment(capsys: pytest.CaptureFixture[str], path: Path) -> dict:
    """What `telos inspect` says about the rows of actions."""
    checks = answer(capsys, "inspect", str(path))["checks"]
    return next(c for c in checks if c["check"] == "alignment")


@pytest.mark.slow
def test_a_late_recording_is_noticed_mended_trained_on_and_planned_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, run = recorded_late(tmp_path), tmp_path / "arm.h5", tmp_path / "run"
    order = ["import", str(folder), "--out", str(out), "--image-size", "64"]
    assert main(order) == 0
    found = alignment(capsys, out)
    assert (found["level"], found["value"]) == ("error", 1)
    assert "--shift 1" in found["remedy"]
    assert main([*order, "--shift", "1", "--overwrite"]) == 0
    assert alignment(capsys, out)["level"] == "ok"
    assert main(["train", str(out), "--out", str(run), "--effort", "0.01"]) == 0
    frames = [f"{out}:3:5", f"{out}:3:25"]
    order = ["plan", str(run), "--observation", frames[0], "--goal", frames[1]]
    plan = answer(capsys, *order)
    actions = np.asarray(plan["actions"])
    spec = EpisodeFile(out).spec
    assert actions.ndim == 2
    assert (actions >= spec.action_low - 1e-6).all()
    assert (actions <= spec.action_high + 1e-6).all()
    assert plan["status"] == "certified"
