"""Two cameras of different size and a speed, from the recording to the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests import two_cameras

from telos.agent import read_goals
from telos.cli.main import main
from telos.data.store import EpisodeFile
from telos.learning.latents import prepare_recording
from telos.learning.modules import build_modules
from telos.learning.training import split_episodes
from telos.report import write_report
from telos.runs import Run

FEW = "samples=8", "iterations=1", "horizon=3"


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("cameras") / "floor.h5"
    return two_cameras.record(path, episodes=12, steps=8)


@pytest.fixture(scope="module")
def run(recording: Path) -> Path:
    """A run that has hardly learned anything, which is all that plumbing needs."""
    return two_cameras.train(recording, recording.with_name("run"), share=0.003)


@pytest.fixture(scope="module")
def goal(recording: Path) -> Path:
    """What the front camera saw in the last frame of an episode."""
    image = EpisodeFile(recording).episode(3).observations["front"][-1]
    path = recording.with_name("goal.png")
    Image.fromarray(image).save(path)
    return path


def test_every_camera_is_inspected(recording: Path, tmp_path: Path, capsys) -> None:
    sheet, video, page = (tmp_path / name for name in ("s.png", "v.mp4", "p.html"))
    arguments = ["inspect", recording, "--json", "--episodes", 2, "--sheet", sheet]
    assert main([str(a) for a in (*arguments, "--video", video, "--page", page)]) == 0
    facts = json.loads(capsys.readouterr().out)
    shapes = {s["name"]: s["shape"] for s in facts["streams"]}
    assert shapes["observations/front"] == [64, 64, 3]
    assert shapes["observations/wrist"] == [48, 64, 3]
    assert shapes["observations/proprio"] == [2]
    # Two rows of each camera: tiles are 128 and 96 pixels high, captions are 14.
    assert Image.open(sheet).height == 2 * (128 + 96) + 4 * (14 + 4) + 4
    assert video.stat().st_size > 0
    assert "wrist" in page.read_text()


def test_frames_are_the_same_from_memory_and_from_the_file(recording: Path) -> None:
    file = EpisodeFile(recording)
    config = two_cameras.config_of(file)
    assert config.model.completes
    assert config.model.balanced
    model = build_modules(config, file.stream()).model
    assert {n: tuple(s) for n, s in model.perception.shapes.items()} == {
        "front": (16, 16, 3),
        "wrist": (12, 16, 3),
        "proprio": (2,),
    }
    sides = [
        split_episodes(config, model, file.stream(), in_memory=where).train
        for where in (True, False)
    ]
    for name in two_cameras.STREAMS:
        first, second = (np.asarray(s.observations[name][:20]) for s in sides)
        np.testing.assert_array_equal(first, second)
    again = build_modules(config, file.load()).model
    assert torch.equal(model.perception.gains, again.perception.gains)
    assert prepare_recording(model, file.load()).observations["wrist"].ndim == 4


def test_a_run_says_what_each_stream_tells(run: Path) -> None:
    verdicts = json.loads((run / "diagnostics.json").read_text())
    (said,) = [v for v in verdicts if v["about"] == "completion"]
    assert set(said["evidence"]) >= {"front", "wrist", "proprio"}
    phases = [line["phase"] for line in Run.open(run).metrics()]
    assert phases.index("completion") < phases.index("dynamics")


def test_a_plan_to_a_goal_in_one_camera(run, recording, goal, capsys) -> None:
    parts = two_cameras.small_agent(run)
    assert parts.model.completion is not None
    parts.model.completion.told[:] = torch.tensor([0.9, 0.8, 0.02, 0.9, 0.9, 0.9])
    goals = read_goals([f"front={goal}"], parts)
    assert goals.told == pytest.approx(0.9 if "front" < "proprio" else 0.8)
    with pytest.raises(ValueError, match=r"wrist alone tells 2 %.*front, proprio too"):
        read_goals([f"wrist={recording}:3:0"], parts)

    now = f"{recording}:2:0"
    arguments = ["plan", str(run), "--observation", now, "--json", "--agent", *FEW]
    status = main([*arguments, "--goal", f"{recording}:3:-1"])
    assert status == 0
    assert json.loads(capsys.readouterr().out)["status"] == "certified"
    # A camera that is missing in what is seen now is another matter.
    blind = f"front={now},proprio={now}"
    arguments[3] = blind
    assert main([*arguments, "--goal", f"{recording}:3:-1"]) != 0
    assert "no 'wrist', which the run sees" in capsys.readouterr().err


def test_a_run_is_measured_with_goals_in_one_camera_and_reported(
    run: Path, tmp_path: Path, capsys
) -> None:
    protocol = tmp_path / "floor.json"
    protocol.write_text(
        json.dumps(
            {
                "name": "floor",
                "description": "A floor with two cameras.",
                "world": "discs",
                "options": {"cameras": True},
                "goal_rule": "random",
                "episodes": 2,
                "budget": 3,
                "radius": 0.1,
                "unit": "m",
                "success": "last-step",
                "first_seed": 5,
                "guarded": False,
            }
        )
    )
    arguments = ["evaluate", str(run), "--protocol", str(protocol), "--no-baselines"]
    arguments += ["--json", "--agent", *FEW, "--goal-streams", "front"]
    assert main(arguments) == 0
    assert "goal-front" in json.loads(capsys.readouterr().out)["protocol"]["name"]
    page = tmp_path / "report.html"
    write_report([run], page)
    text = page.read_text()
    assert 'aria-label="camera wrist"' in text
    assert "Completion" in text
    arguments[arguments.index("front")] = "side"
    assert main(arguments) != 0
    assert "sees no 'side'; it sees front, wrist, proprio" in capsys.readouterr().err


def test_a_run_of_several_streams_is_exported(run: Path, tmp_path: Path) -> None:
    assert main(["export-model", str(run), "--out", str(tmp_path / "out")]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    inputs = manifest["programs"]["encode"]["inputs"]
    assert {i["name"]: i["shape"] for i in inputs} == {
        "front": ["batch", 1, 64, 64, 3],
        "proprio": ["batch", 1, 2],
        "wrist": ["batch", 1, 48, 64, 3],
    }
