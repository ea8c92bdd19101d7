"""Which format a path has: found by looking, or said what was found instead."""

from __future__ import annotations

import builtins
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.data.formats.films import pictures, write_film
from tests.data.worlds import drift_spec, make_episode

from telos.data import EpisodeWriter
from telos.data.formats import opening
from telos.data.formats.opening import known_formats, open_source

FIXTURES = Path(__file__).parents[1] / "fixtures" / "lerobot"


def test_formats_are_recognised(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", pictures(3))
    assert open_source(tmp_path).format == "videos"
    assert open_source(tmp_path / "a.mp4").format == "videos"
    assert open_source(FIXTURES / "v3.0-video").format == "lerobot-v3.0"
    assert open_source(FIXTURES / "v2.1-image").format == "lerobot-v2.1"


def test_an_unknown_path_says_what_was_found_and_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none does not exist"):
        open_source(tmp_path / "none")
    with pytest.raises(ValueError, match="an empty folder"):
        open_source(tmp_path)
    for number in range(12):
        (tmp_path / f"{number:02d}.bag").write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    with pytest.raises(ValueError, match=r"a folder with 00.bag.*\.\.\. \(12 \.bag"):
        open_source(tmp_path)
    with pytest.raises(ValueError, match=r"a file of 1 bytes that begins with b'x'"):
        open_source(tmp_path / "00.bag")
    with pytest.raises(ValueError, match="LeRobotDataset v2.0") as caught:
        open_source(tmp_path)
    assert all(line in str(caught.value) for line in known_formats())
    with EpisodeWriter(tmp_path / "a.h5", drift_spec()) as writer:
        writer.append(make_episode(0))
    with pytest.raises(ValueError, match="a.h5 is an episode file already"):
        open_source(tmp_path / "a.h5")


def test_a_reader_that_is_added_plugs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoiseSource:
        format = "noise"

        def __init__(self, path: Path, wanted: object) -> None:
            self.path = path

    module = ModuleType("telos.data.formats.noise")
    NoiseSource.__module__ = module.__name__
    module.NoiseSource = NoiseSource  # type: ignore[attr-defined]
    module.recognises = lambda path: path.suffix == ".noise"  # type: ignore[attr-defined]
    module.__spec__ = sys.__spec__
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(opening.FORMATS, "noise", "noise")
    (tmp_path / "a.noise").write_bytes(b"")
    assert open_source(tmp_path / "a.noise").format == "noise"
    assert "noise" in known_formats()


def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from telos.cli.main import main

    real = builtins.__import__

    def without_pyarrow(name: str, *args: object, **kwargs: object) -> object:
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    root = tmp_path / "set"
    shutil.copytree(FIXTURES / "v3.0-image", root)
    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    assert main(["import", str(root), "--out", str(tmp_path / "a.h5")]) == 2
    assert 'pip install "telos[lerobot]"' in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["set"]
