"""`telos inspect` and `telos collect`: what they show, find, draw and refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.data.defects import change, save, shifted
from tests.data.worlds import DriftWorld, NoisePolicy

from telos.cli import inspect as inspect_verb
from telos.cli.main import main
from telos.cli.pairs import parse_pairs
from telos.collect import collect
from telos.data import EpisodeFile
from telos.data.checks.finding import histogram


@pytest.fixture
def path(tmp_path: Path) -> Path:
    world = DriftWorld(5)
    policy = NoisePolicy(world.spec)
    collect(world, policy, tmp_path / "a.h5", episodes=5, steps=12)
    return tmp_path / "a.h5"


def test_facts_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["world"], facts["episodes"], facts["frames"]) == ("drift", 5, 65)
    assert facts["layout"] == {"wall": {"min": 0, "max": 2}}
    assert facts["seeds"] == {"min": 0, "max": 4}
    assert facts["digest"] == EpisodeFile(path).digest
    assert sum(facts["actions"][0]["histogram"]) == 60
    assert {check["level"] for check in facts["checks"]} == {"ok"}
    assert (facts["errors"], facts["warnings"], facts["failed"]) == (0, 0, False)
    assert "images: 65 frames of 65" in facts["looked_at"][2]


def test_text_names_streams_units_and_checks(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(path)]) == 0
    text = capsys.readouterr().out
    for word in ("observations/pixels", "20 x 20 x 3", "uint8", "alignment", "drift"):
        assert word in text


def test_pictures(path: Path, tmp_path: Path) -> None:
    import av
    from PIL import Image

    sheet, video = tmp_path / "sheet.png", tmp_path / "video.mp4"
    arguments = ["inspect", str(path), "--sheet", str(sheet), "--video", str(video)]
    assert main([*arguments, "--episodes", "2"]) == 0
    # 2 rows; 8 frames of 20 px, enlarged 5 times, between gaps of 4 px.
    assert Image.open(sheet).size == (8 * 104 + 4, 4 + 2 * (14 + 100 + 4))
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode()]
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
    assert len(frames) == 2 * 13
    assert frames[0].shape == (260, 260, 3)
    first = EpisodeFile(path).episode(0).observations["pixels"][0]
    shown = frames[0][6::13, 6::13].astype(int)
    assert np.abs(shown - first).mean() < 12
    assert main(arguments) == 2
    assert main([*arguments, "--overwrite"]) == 0
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["a.h5", "sheet.png", "video.mp4"]


def test_missing_and_foreign_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(tmp_path / "none.h5")]) == 2
    assert "does not exist" in capsys.readouterr().err
    (tmp_path / "a.h5").write_text("no")
    assert main(["inspect", str(tmp_path / "a.h5")]) == 2
    assert "not an HDF5 file" in capsys.readouterr().err


@pytest.fixture
def late(tmp_path: Path) -> Path:
    """More episodes of the same world, with actions stored one row late."""
    world = DriftWorld(8)
    collect(world, NoisePolicy(world.spec), tmp_path / "b.h5", episodes=40, steps=14)
    recording = EpisodeFile(tmp_path / "b.h5").load()
    recording.observations["pixels"][7] = 0
    return save(shifted(recording, 1), tmp_path / "late.h5").path


def test_strict_fails_on_errors_alone(
    path: Path, late: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(path), "--strict"]) == 0
    assert main(["inspect", str(late)]) == 0
    capsys.readouterr()
    assert main(["inspect", str(late), "--strict", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["failed"]
    assert facts["checks"][0]["check"] == "alignment"
    assert facts["checks"][0]["value"] == 1
    pixels = facts["checks"][0]["numbers"]["pixels"]
    assert pixels["gain"][4]["low"] > pixels["gain"][3]["high"]


def test_findings_are_told_with_their_meaning_and_remedy(
    late: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(late), "--quiet"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "actions are one row late: import with --shift 1" in text
    assert "for training: the model learns the effect of each action" in text
    assert "what to do: import again: `telos import ... --shift 1`" in text
    assert "1 error, 1 warning" in text


def test_the_page_has_a_card_for_every_finding(late: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ["inspect", str(late), "--page", str(page)]
    assert main(arguments) == 0
    html = page.read_text()
    assert "1 error and 1 warning." in html
    assert "Actions are one row late" in html
    assert 'alt="episode 0, frame 7"' in html
    assert main(arguments) == 2
    assert main([*arguments, "--overwrite"]) == 0
    assert page.read_text() == html


def test_plain_video_is_inspected(path: Path, tmp_path: Path) -> None:
    recording = EpisodeFile(path).load()
    none = np.zeros((recording.num_frames, 0), np.float32)
    spec = replace(recording.spec, action_low=none[0], action_high=none[0])
    video = save(change(recording, actions=none, spec=spec), tmp_path / "video.h5")
    page = tmp_path / "video.html"
    assert main(["inspect", str(video.path), "--page", str(page), "--strict"]) == 0
    assert "This recording has no actions" in page.read_text()


def test_histogram_and_sparkline() -> None:
    counts = histogram(np.array([-5, 0.1, 0.2, 0.9]), 0, 1, 4)
    assert list(counts) == [3, 0, 0, 1]
    assert inspect_verb.sparkline([8, 0, 1, 4]) == "\u2588 \u2581\u2584"


def test_world_options() -> None:
    assert parse_pairs(("layout=fixed", "size=64", "zone=null", "a=b=c")) == {
        "layout": "fixed",
        "size": 64,
        "zone": None,
        "a": "b=c",
    }
    for wrong in ("layout", "=3"):
        with pytest.raises(ValueError, match="name=value"):
            parse_pairs((wrong,))


@pytest.fixture
def drift_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_world(env_id: str, num_envs: int = 1, **options: object) -> DriftWorld:
        assert (env_id, options) == ("drift", {})
        return DriftWorld(num_envs)

    monkeypatch.setattr("telos.envs.make_world", make_world, raising=False)


def collect_arguments(path: Path, *more: str) -> list[str]:
    fixed = ["--out", str(path), "--policy", "random", "--steps", "4"]
    return ["collect", "drift", *fixed, "--num-envs", "2", *more]


def test_collect_verb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], drift_everywhere: None
) -> None:
    path = tmp_path / "a.h5"
    assert main(collect_arguments(path, "--episodes", "3", "--json")) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["episodes"], result["frames"], result["recorded"]) == (3, 15, 3)
    assert main(collect_arguments(path, "--episodes", "3")) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(collect_arguments(path, "--episodes", "5", "--resume")) == 0
    assert "recorded 2 episodes (3 were there already)" in capsys.readouterr().out
    assert EpisodeFile(path).seeds.tolist() == [0, 1, 2, 3, 4]


def test_collect_verb_stopped_by_ctrl_c(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    drift_everywhere: None,
) -> None:
    def interrupt(self: DriftWorld, actions: np.ndarray) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DriftWorld, "step", interrupt)
    assert main(collect_arguments(tmp_path / "a.h5")) == 130
    assert "--resume" in capsys.readouterr().out
