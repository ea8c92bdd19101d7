"""Episode files to LeRobot datasets and back; whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.data.fixtures.lerobot import read_with_lerobot
from tests.data.formats.films import pictures
from tests.data.worlds import drift_spec, make_episode

from telos.data import EpisodeFile, EpisodeWriter
from telos.data.formats.importing import import_source
from telos.data.formats.lerobot import LeRobotSource, shards
from telos.data.formats.lerobot.writer import ExportSettings, export_lerobot
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode

LEROBOT = os.environ.get("TELOS_LEROBOT_PYTHON")
"""Interpreter of an environment with LeRobot's own package."""


def store(path: Path, episodes: Sequence[Episode], spec: WorldSpec) -> EpisodeFile:
    with EpisodeWriter(path, spec) as writer:
        for episode in episodes:
            writer.append(episode)
    return EpisodeFile(path)


@pytest.fixture
def drift(tmp_path: Path) -> EpisodeFile:
    episodes = [make_episode(seed, steps=3 + seed) for seed in range(4)]
    return store(tmp_path / "drift.h5", episodes, drift_spec())


def back(folder: Path, path: Path) -> EpisodeFile:
    import_source(LeRobotSource(folder), path)
    return EpisodeFile(path)


def assert_same(left: EpisodeFile, right: EpisodeFile, *, exact: bool) -> None:
    """All that the format can hold."""
    one, other = left.load(), right.load()
    assert np.array_equal(one.lengths, other.lengths)
    assert np.array_equal(one.actions, other.actions, equal_nan=True)
    for name, array in one.labels.items():
        assert other.labels[name].dtype == array.dtype
        assert np.array_equal(other.labels[name], array), name
    for name, array in one.observations.items():
        found = other.observations[name]
        if array.dtype != np.uint8 or exact:
            assert np.array_equal(found, array), name
        else:
            assert np.abs(found.astype(int) - array).mean() < 10


@pytest.mark.parametrize("images", ["h264", "lossless", "png"])
def test_there_and_back(images, drift: EpisodeFile, tmp_path: Path) -> None:
    export_lerobot(drift, tmp_path / "out", ExportSettings(images=images))
    found = back(tmp_path / "out", tmp_path / "back.h5")
    assert_same(drift, found, exact=images != "h264")
    assert found.spec.options["fps"] == 20
    assert found.spec.options["tasks"] == ["drift"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back.h5", "drift.h5", "out"]


def rich_spec() -> WorldSpec:
    """Every shape and dtype, two cameras, one of them grey with odd sides."""
    return WorldSpec(
        id="rich",
        action_low=np.array([-1.0], np.float32),
        action_high=np.array([1.0], np.float32),
        streams={
            "pixels_top": StreamSpec(shape=(32, 48, 3), dtype="uint8"),
            "pixels_grey": StreamSpec(shape=(15, 17, 1), dtype="uint8"),
            "state": StreamSpec(shape=(1,), dtype="float32"),
        },
        labels={
            "number": StreamSpec(shape=(), dtype="float64"),
            "vector of one": StreamSpec(shape=(1,), dtype="float32"),
            "matrix": StreamSpec(shape=(2, 3), dtype="float32"),
            "mask": StreamSpec(shape=(4,), dtype="bool"),
            "phase": StreamSpec(shape=(), dtype="int32"),
            "time": StreamSpec(shape=(), dtype="float64"),
            "task_index": StreamSpec(shape=(), dtype="int64"),
        },
        max_steps=9,
        options={"tasks": ["rest", "move"], "fps": 29.97, "robot": "arm"},
    )


def rich_episode(number: int, steps: int) -> Episode:
    rng = np.random.default_rng(number)
    frames = steps + 1
    top = pictures(frames)
    grey = rng.integers(0, 256, (frames, 15, 17, 1), dtype=np.uint8)
    return Episode(
        observations={
            "pixels_top": top,
            "pixels_grey": grey,
            "state": rng.normal(size=(frames, 1)).astype(np.float32),
        },
        actions=rng.uniform(-1, 1, (steps, 1)).astype(np.float32),
        labels={
            "number": rng.normal(size=frames),
            "vector of one": rng.normal(size=(frames, 1)).astype(np.float32),
            "matrix": rng.normal(size=(frames, 2, 3)).astype(np.float32),
            "mask": rng.random((frames, 4)) < 0.5,
            "phase": rng.integers(0, 9, frames).astype(np.int32),
            "time": np.cumsum(rng.random(frames)),
            "task_index": np.arange(frames) % 3,
        },
        seed=number,
    )


@pytest.mark.parametrize("images", ["lossless", "png"])
def test_every_shape_and_type_comes_back(images, tmp_path: Path) -> None:
    spec = rich_spec()
    file = store(tmp_path / "a.h5", [rich_episode(n, 5) for n in range(3)], spec)
    export_lerobot(file, tmp_path / "out", ExportSettings(images=images))
    found = back(tmp_path / "out", tmp_path / "back.h5")
    assert found.spec.labels == dict(spec.labels)
    one, other = file.load(), found.load()
    grey = one.observations["pixels_grey"]
    assert np.array_equal(
        other.observations["pixels_grey"], np.repeat(grey, 3, axis=-1)
    )
    for name in ("pixels_top", "state"):
        assert np.array_equal(other.observations[name], one.observations[name])
    for name, array in one.labels.items():
        assert np.array_equal(other.labels[name], array), name
    assert found.spec.options["tasks"] == ["rest", "move", "task 2"]
    assert found.spec.options["robot"] == "arm"
    assert found.spec.options["fps"] == pytest.approx(29.97)


def test_the_last_action_is_written_twice(drift: EpisodeFile, tmp_path: Path) -> None:
    export_lerobot(drift, tmp_path / "out", ExportSettings(images="png"))
    table = pq.read_table(tmp_path / "out" / "data")
    rows = np.stack(table.column("action").to_numpy())
    ends = np.cumsum(drift.lengths) - 1
    assert np.array_equal(rows[ends], rows[ends - 1])
    assert table.column("index").to_pylist() == list(range(drift.num_frames))


def test_statistics_are_those_of_all_frames(drift: EpisodeFile, tmp_path: Path) -> None:
    export_lerobot(drift, tmp_path / "out")
    text = (tmp_path / "out" / "meta" / "stats.json").read_text(encoding="utf-8")
    stats, recording = json.loads(text), drift.load()
    state = recording.observations["state"].astype(float)
    shares = recording.observations["pixels"].reshape(-1, 3) / 255
    found = stats["observation.state"]
    assert found["mean"] == pytest.approx(state.mean(0))
    assert found["std"] == pytest.approx(state.std(0))
    assert found["min"] == pytest.approx(state.min(0))
    assert found["count"] == [drift.num_frames]
    picture = stats["observation.images.pixels"]
    assert np.ravel(picture["mean"]) == pytest.approx(shares.mean(0))
    assert np.ravel(picture["std"]) == pytest.approx(shares.std(0))
    assert np.shape(picture["max"]) == (3, 1, 1)
    assert picture["count"] == [drift.num_frames]


def test_full_files_are_followed_by_others(
    drift: EpisodeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "CHUNK_FILES", 2)
    monkeypatch.setattr(shards.TableShards.__init__, "__defaults__", (1,))
    monkeypatch.setattr(shards, "GROUP_ROWS", 1)
    monkeypatch.setattr(shards.VideoShards.__init__, "__kwdefaults__", {"limit": 1})
    export_lerobot(drift, tmp_path / "out", ExportSettings(images="lossless"))
    files = sorted(
        p.relative_to(tmp_path / "out" / "data").as_posix()
        for p in (tmp_path / "out" / "data").rglob("*.parquet")
    )
    assert files == [f"chunk-00{i}/file-00{j}.parquet" for i in (0, 1) for j in (0, 1)]
    found = back(tmp_path / "out", tmp_path / "back.h5")
    assert_same(drift, found, exact=True)


def test_nothing_is_replaced_unless_asked_for(
    drift: EpisodeFile, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_lerobot(drift, out)
    (out / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="replace it with --overwrite"):
        export_lerobot(drift, out)
    assert (out / "note.txt").exists()
    export_lerobot(drift, out, ExportSettings(overwrite=True))
    assert not (out / "note.txt").exists()
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is no LeRobot dataset"):
        export_lerobot(drift, home, ExportSettings(overwrite=True))
    assert (home / "thesis.txt").exists()


def test_an_interrupted_export_leaves_nothing(
    drift: EpisodeFile, tmp_path: Path
) -> None:
    def stop(done: int, wanted: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        export_lerobot(drift, out, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["drift.h5"]
    export_lerobot(drift, out)
    before = (out / "meta" / "info.json").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        export_lerobot(drift, out, ExportSettings(overwrite=True), progress=stop)
    assert (out / "meta" / "info.json").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["drift.h5", "out"]


@pytest.mark.parametrize("name", ["timestamp", "index", "action", "observation.state"])
def test_names_that_lerobot_needs_are_refused(name: str, tmp_path: Path) -> None:
    label = StreamSpec(shape=(2,), dtype="float32")
    spec = drift_spec(labels={name: label})
    episode = make_episode(0)
    episode = replace(episode, labels={name: episode.labels["position"]})
    file = store(tmp_path / "a.h5", [episode], spec)
    with pytest.raises(ValueError, match=f"label '{name}' cannot be exported"):
        export_lerobot(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_many_tiny_episodes_there_and_back(tmp_path: Path) -> None:
    spec = drift_spec(
        streams={"state": StreamSpec(shape=(2,), dtype="float32")}, labels={}
    )
    rng = np.random.default_rng(0)
    episodes = [
        Episode(
            observations={"state": rng.normal(size=(3, 2)).astype(np.float32)},
            actions=rng.uniform(-1, 1, (2, 2)).astype(np.float32),
            seed=number,
        )
        for number in range(500)
    ]
    file = store(tmp_path / "a.h5", episodes, spec)
    export_lerobot(file, tmp_path / "out")
    assert_same(file, back(tmp_path / "out", tmp_path / "back.h5"), exact=True)


@pytest.mark.slow
@pytest.mark.skipif(LEROBOT is None, reason="TELOS_LEROBOT_PYTHON is not set")
@pytest.mark.parametrize("images", ["h264", "lossless", "png"])
def test_lerobot_itself_reads_what_was_written(images, tmp_path: Path) -> None:
    assert LEROBOT is not None
    spec = rich_spec()
    file = store(tmp_path / "a.h5", [rich_episode(n, 5) for n in range(3)], spec)
    settings = ExportSettings(images=images, fps=10)
    export_lerobot(file, tmp_path / "out", settings)
    script, found = read_with_lerobot.__file__, tmp_path / "found.npz"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    subprocess.run(
        [LEROBOT, script, tmp_path / "out", found], check=True, env=environment
    )
    theirs, ours = np.load(found), file.load()
    for name, array in ours.labels.items():
        # Their tensors are float32.
        assert theirs[name].reshape(array.shape) == pytest.approx(array, rel=1e-6), name
    assert np.array_equal(
        theirs["observation.state"].reshape(-1, 1), ours.observations["state"]
    )
    leaves = np.isfinite(ours.actions).all(axis=1)
    assert np.array_equal(theirs["action"].reshape(-1, 1)[leaves], ours.actions[leaves])
    top = theirs["observation.images.top"].astype(int)
    error = np.abs(top - ours.observations["pixels_top"])
    assert error.max() == 0 if images != "h264" else error.mean() < 3
