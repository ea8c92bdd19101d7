"""The examples do what their first lines promise, in seconds and without a GPU."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
FILES = sorted(FOLDER.glob("*.py"))


@pytest.fixture
def load(monkeypatch):
    """Import an example by the number that its file name starts with."""

    def load(number: int) -> ModuleType:
        (path,) = FOLDER.glob(f"{number:02}_*.py")
        name = f"example_{number:02}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # Dataclasses look their module up by name.
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


def test_examples_are_numbered_and_short() -> None:
    numbers = [int(path.name[:2]) for path in FILES]
    assert numbers == list(range(1, len(FILES) + 1))
    for path in FILES:
        assert len(path.read_text().splitlines()) < 120, path.name


def test_a_guarded_walk_goes_around_and_an_unguarded_one_does_not(load) -> None:
    example = load(1)
    guarded, unguarded = example.walk(), example.walk(guarded=False)
    assert guarded.margin > 0
    assert guarded.distance < 0.1
    assert set(guarded.statuses) == {"certified"}
    # The control: the straight way passes 0.05 m from the middle of the disc.
    assert unguarded.margin < -0.3
    assert unguarded.distance < 0.1


def test_recording_is_inspected(load, tmp_path, capsys) -> None:
    load(2).main(tmp_path)
    said = capsys.readouterr().out
    assert "18 episodes to learn from, 6 held out" in said
    assert "a batch: pixels (16, 5, 64, 64, 3), actions (16, 4, 2)" in said
    assert (tmp_path / "rooms.png").read_bytes().startswith(b"\x89PNG")


def test_training_leaves_a_run_that_acts(load, tmp_path, capsys) -> None:
    load(3).main(tmp_path)
    said = capsys.readouterr().out
    assert re.search(r"shortest way to the goal: \d+\.\d px before, \d+\.\d px", said)
    verdicts = json.loads((tmp_path / "run" / "diagnostics.json").read_text())
    assert verdicts[-1]["name"] in said


def test_an_environment_of_ones_own_is_recorded(load, tmp_path) -> None:
    file = load(4).main(tmp_path)
    assert file.num_episodes == 8
    episode = file.episode(0)
    assert episode.observations["pixels"].shape == (31, 64, 64, 3)
    # The recorded physics is the one written down in the example.
    state, force = episode.observations["state"], episode.actions[0, 0]
    assert state[1, 1] == pytest.approx(0.9 * state[0, 1] + 0.02 * force, abs=1e-6)
