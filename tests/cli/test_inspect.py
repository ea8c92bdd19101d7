"""`telos inspect` and `telos collect`: what they show, find, draw and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.data.worlds import DriftWorld, NoisePolicy, drift_spec, make_episode

from telos.cli import inspect as inspect_verb
from telos.cli.main import main
from telos.cli.pairs import parse_pairs
from telos.collect import collect
from telos.data import EpisodeFile, Recording
from telos.data.checks import check_recording, explained_variance, histogram


@pytest.fixture
def path(tmp_path: Path) -> Path:
    world = DriftWorld(5)
    policy = NoisePolicy(world.spec)
    collect(world, policy, tmp_path / "a.h5", episodes=5, steps=12)
    return tmp_path / "a.h5"


def levels(recording: Recording) -> dict[str, str]:
    return {finding.check: finding.level for finding in check_recording(recording)}


def change(recording: Recording, **arrays: object) -> Recording:
    return Recording(**{**vars(recording), **arrays})


def test_facts_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["world"], facts["episodes"], facts["frames"]) == ("drift", 5, 65)
    assert facts["layout"] == {"wall": {"min": 0, "max": 2}}
    assert facts["seeds"] == {"min": 0, "max": 4}
    assert facts["digest"] == EpisodeFile(path).digest
    assert sum(facts["actions"][0]["histogram"]) == 60
    assert {check["level"] for check in facts["checks"]} == {"ok"}


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


def test_good_recording_passes_every_check(path: Path) -> None:
    assert set(levels(EpisodeFile(path).load()).values()) == {"ok"}


def test_nan_in_a_stream_is_an_error(path: Path) -> None:
    recording = EpisodeFile(path).load()
    recording.labels["position"][3] = np.nan
    assert levels(recording)["non-finite values in actions and labels"] == "error"


def test_constant_and_saturated_actions_warn(path: Path) -> None:
    recording = EpisodeFile(path).load()
    constant = recording.actions.copy()
    constant[:, 1] = constant[:, 1] * 0 + 1
    assert levels(change(recording, actions=constant))["constant actions"] == "warning"
    saturated = np.where(recording.actions > 0, 3, -1).astype(np.float32)
    saturated[:, 0] = np.sign(recording.actions[:, 0]) * 2
    found = levels(change(recording, actions=saturated))
    assert found["saturated actions"] == "warning"


def test_frozen_pixels_warn(path: Path) -> None:
    recording = EpisodeFile(path).load()
    recording.observations["pixels"][:] = 7
    assert levels(recording)["motion of pixels"] == "warning"


def test_repeated_seeds_warn() -> None:
    twice = Recording.from_episodes([make_episode(1), make_episode(1)], drift_spec())
    assert levels(twice)["seeds"] == "warning"


def test_actions_stored_one_row_late_are_found(path: Path) -> None:
    recording = EpisodeFile(path).load()
    late = np.full_like(recording.actions, np.nan)
    for start, length in zip(recording.starts, recording.lengths, strict=True):
        late[start] = 0
        late[start + 1 : start + length - 1] = recording.actions[
            start : start + length - 2
        ]
    assert levels(change(recording, actions=late))["alignment"] == "warning"


def test_explained_variance_of_closed_forms() -> None:
    rng = np.random.default_rng(0)
    inputs, noise = rng.normal(size=(5000, 2)), rng.normal(size=(5000, 1))
    signal = inputs @ [[1.0], [2.0]]
    assert explained_variance(inputs, signal + 3) == pytest.approx(1)
    assert explained_variance(inputs, noise) == pytest.approx(0, abs=0.01)
    mixed = explained_variance(inputs, signal + np.sqrt(5) * noise)
    assert mixed == pytest.approx(0.5, abs=0.03)
    assert explained_variance(inputs, np.ones((5000, 1))) == 0


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
