"""`telos surprise` and `telos diagnose`: what they print, write, mark and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.surprise.clips_on_disk import write_video
from tests.evaluation.surprise.test_layouts import intphys
from tests.report.test_page import HOSTILE, Page

from telos.cli import looking
from telos.cli.main import main
from telos.evaluation.surprise import Windows, read_video
from telos.evaluation.surprise.controls import FrameDifference


def sliding(frames: int, jump: int | None, seed: int = 0) -> np.ndarray:
    """A square that slides on, over slight noise, and may jump once."""
    rng = np.random.default_rng(seed)
    clip = rng.integers(90, 96, (frames, 48, 64, 3)).astype(np.uint8)
    for number in range(frames):
        left = number if jump is None or number < jump else number + 9
        clip[number, 10:24, left : left + 14] = (230, 40, 60)
    return clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    write_video(root / "odd.mp4", sliding(30, jump=18), fps=10)
    write_video(root / "calm.mp4", sliding(39, jump=None, seed=1), fps=10)
    return root


def odd(folder: Path, *options: object) -> list[str]:
    return [
        "surprise",
        str(folder / "odd.mp4"),
        *("--model", "frame-difference"),
        *map(str, options),
    ]


def result(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def refused(capsys, arguments: list[str]) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error
    return error


def test_the_planted_jump_is_the_peak(folder: Path, capsys) -> None:
    calm = folder / "calm.mp4"
    assert main([*odd(folder, "--threshold-from", calm, "--rate", 0.03), "--json"]) == 0
    found = result(capsys)
    first, *others = found["peaks"]
    assert first["frame"] == 18
    assert all(peak["surprise"] < first["surprise"] / 2 for peak in others)
    assert found["peaks"][0]["seconds"] == pytest.approx(1.8)
    assert found["frames"] == len(found["surprise"]) == len(found["times"]) == 30
    assert found["surprise"][0] is None
    assert "64 x 48 pixels were resized to 64 x 64" in found["notes"][0]
    assert "38 frames of calm.mp4" in found["threshold_from"]


def test_what_is_printed_is_what_the_library_says(folder: Path, capsys) -> None:
    assert main([*odd(folder), "--json"]) == 0
    found = result(capsys)
    frames = read_video(folder / "odd.mp4", size=(64, 64)).frames
    trace = Windows(FrameDifference(), 2).trace(frames[None])[0]
    assert found["surprise"][1:] == pytest.approx(trace[1:].tolist())
    assert "no known rate of false alarms" in found["threshold_from"]


def test_page_and_film(folder: Path, tmp_path: Path, capsys) -> None:
    page, film = tmp_path / "page.html", tmp_path / "film.mp4"
    arguments = odd(folder, "--out", page, "--film", film)
    assert main(arguments) == 0
    assert f"wrote {page}" in capsys.readouterr().out.replace("\n", "")
    html = page.read_text()
    parsed = Page(html)
    assert "surprised the model, most of all at 1.80 s" in html
    assert html.count("<img") == 6  # three before, the peak, two after
    assert any(src.startswith("data:video/mp4") for src in parsed.having("src"))
    outside = [s for s in parsed.having("src") if not s.startswith("data:")]
    assert outside == []
    assert len(read_video(film).frames) == 30
    assert "replace it with --overwrite" in refused(capsys, arguments)
    assert main([*arguments, "--overwrite"]) == 0


def test_a_name_cannot_break_the_page(folder: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "<script>alert(1)<"
    hostile.mkdir()
    video = shutil.copy(folder / "odd.mp4", hostile / "img onerror=x>.mp4")
    page = tmp_path / "page.html"
    model = ["--model", "copy-last", "--out", str(page)]
    assert main(["surprise", str(video), *model]) == 0
    assert "<script>alert" not in page.read_text()
    Page(page.read_text())
    assert HOSTILE not in page.read_text()


def test_a_trained_watcher_is_looked_through(folder: Path, monkeypatch, capsys) -> None:
    """Its size, its memory and its frame skip are those of the run."""
    seen = []

    class Model:
        def trace(self, clips, memory=None):
            seen.append((clips.shape, memory))
            return FrameDifference().trace(clips)

    def loaded(model, window, device):
        return looking.Looking(
            name=model, watching=Windows(Model(), 8), size=(16, 16), window=8, every=2
        )

    monkeypatch.setattr(looking, "load_looking", loaded)
    assert main([*odd(folder, "--memory", 3, "--fps", 5), "--json"]) == 0
    found = result(capsys)
    assert found["size"] == [16, 16]
    assert found["frames"] == 15
    assert {shape[1:] for shape, _ in seen} == {(8, 16, 16, 3)}
    assert {memory for _, memory in seen} == {3}


def test_a_benchmark_folder_is_scored(tmp_path: Path, capsys) -> None:
    root = intphys(tmp_path)
    arguments = ["surprise", str(root), "--model", "frame-difference"]
    arguments += ["--layout", "intphys", "--step", "1"]
    assert main([*arguments, "--json"]) == 0
    (scores,) = result(capsys)["concepts"]
    assert (scores["concept"], scores["scenes"]) == ("permanence", 2)
    assert scores["contrast"]["mean"] == 0.5
    assert main(arguments) == 0
    assert "permanence" in capsys.readouterr().out
    assert "are for a video" in refused(capsys, [*arguments, "--out", "a.html"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "nowhere"], "no run folder of `telos watch`, and no control"),
        (["--window", "1"], "looks at 2 frames, not 1"),
        (["--fps", "100"], "no frames are made up"),
        (["--false-alarms-per-hour", "1"], "give them with --threshold-from"),
        (["--threshold-from", "none.mp4"], "none.mp4 does not exist"),
        (["--window", "40"], "expected at least 40"),
    ],
)
def test_wrong_use(folder: Path, capsys, options: list[str], said: str) -> None:
    assert said in refused(capsys, [*odd(folder), *options])


def test_episodes_are_for_the_threshold(tmp_path: Path, capsys) -> None:
    order = ["surprise", str(tmp_path / "episodes.h5"), "--model", "copy-last"]
    assert main(order) != 0
    said = capsys.readouterr().err
    assert "holds episodes" in said
    assert "--threshold-from" in said


def test_too_few_calm_frames_for_the_rate(folder: Path, capsys) -> None:
    arguments = odd(folder, "--threshold-from", folder / "calm.mp4")
    assert "38 frames are too few" in refused(capsys, [*arguments, "--rate", "0.001"])
    hourly = [*arguments, "--false-alarms-per-hour", "1"]
    assert "too few" in refused(capsys, hourly)


# --- telos diagnose


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    layout = rng.normal(size=(60, 1, 16))
    np.save(tmp_path / "z.npy", layout + 0.05 * rng.normal(size=(60, 12, 16)))
    return tmp_path / "z.npy"


def test_a_verdict_as_json_text_and_page(slow: Path, tmp_path: Path, capsys) -> None:
    page = tmp_path / "page.html"
    assert main(["diagnose", str(slow), "--json", "--page", str(page)]) == 0
    found = result(capsys)
    assert found["verdict"] == "slow-feature"
    assert (found["rows"], found["dimensions"], found["clips"]) == (720, 16, 60)
    assert found["evidence"]["within_share"] < 0.05
    assert len(found["spectrum"]) == 16
    html = page.read_text()
    Page(html)
    assert "Slow-feature: only 0." in html
    assert html.count("<svg") == 2
    assert main(["diagnose", str(slow), "--strict"]) == 1
    assert "slow-feature" in capsys.readouterr().out
    assert "--overwrite" in refused(
        capsys, ["diagnose", str(slow), "--page", str(page)]
    )


def test_rows_with_their_clips(slow: Path, tmp_path: Path, capsys) -> None:
    rows, clips = tmp_path / "rows.npy", tmp_path / "clips.npy"
    np.save(rows, np.load(slow).reshape(-1, 16))
    np.save(clips, np.repeat(np.arange(60), 12))
    assert main(["diagnose", str(rows), "--json"]) == 0
    assert result(capsys)["verdict"] == "ok"
    assert main(["diagnose", str(rows), "--clips", str(clips), "--json"]) == 0
    assert result(capsys)["verdict"] == "slow-feature"


def test_embeddings_that_do_not_vary_at_all(tmp_path: Path, capsys) -> None:
    np.save(tmp_path / "z.npy", np.ones((50, 4)))
    page = tmp_path / "page.html"
    assert main(["diagnose", str(tmp_path / "z.npy"), "--page", str(page)]) == 0
    assert "complete" in capsys.readouterr().out
    Page(page.read_text())


def test_files_that_are_no_embeddings(tmp_path: Path, capsys) -> None:
    none = tmp_path / "none.npy"
    assert "does not exist" in refused(capsys, ["diagnose", str(none)])
    text = tmp_path / "text.npy"
    text.write_text("no array")
    assert "no array of numbers" in refused(capsys, ["diagnose", str(text)])
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
    assert "no array of numbers" in refused(capsys, ["diagnose", str(objects)])
    several = tmp_path / "several.npz"
    np.savez(several, a=np.ones(3))
    assert "several arrays" in refused(capsys, ["diagnose", str(several)])
