"""Minari datasets are written whole or not at all, and read back as they were."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.data.formats.builders import assert_streams, minari
from tests.data.worlds import drift_spec, make_episode

from telos.data import EpisodeFile, EpisodeWriter
from telos.data.formats import minari_writer
from telos.data.formats.minari import MinariSource, recognises
from telos.data.formats.minari_writer import write_minari
from telos.data.formats.source import Wanted
from telos.data.schema import spec_difference
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode

STEPS = (4, 1, 6)


@pytest.fixture
def file(tmp_path: Path) -> EpisodeFile:
    with EpisodeWriter(tmp_path / "drift.h5", drift_spec()) as writer:
        for number, steps in enumerate(STEPS):
            writer.append(make_episode(100 + number, steps))
    return EpisodeFile(tmp_path / "drift.h5")


def assert_back(out: Path, file: EpisodeFile) -> None:
    """The dataset reads as the file that it was written from."""
    source = MinariSource(out, Wanted())
    assert not spec_difference(source.spec, file.spec)
    assert source.num_episodes == file.num_episodes
    for number, found in enumerate(source.episodes()):
        expected = file.episode(number)
        assert_streams(found.observations, expected.observations)
        assert_streams(found.labels, expected.labels)
        np.testing.assert_array_equal(found.actions, expected.actions)
        assert found.actions.dtype == expected.actions.dtype
        assert (found.seed, found.layout) == (number, expected.layout)


def test_everything_comes_back(file: EpisodeFile, tmp_path: Path) -> None:
    out = tmp_path / "sets" / "drift-v0"
    write_minari(file, out)
    assert recognises(out)
    assert_back(out, file)
    assert [p.name for p in out.parent.iterdir()] == ["drift-v0"]


def test_the_layout_is_minaris(file: EpisodeFile, tmp_path: Path) -> None:
    out = tmp_path / "drift-v3"
    write_minari(file, out)
    about = json.loads((out / "data/metadata.json").read_text())
    assert about["dataset_id"] == "drift-v3"
    assert (about["total_episodes"], about["total_steps"]) == (3, sum(STEPS))
    assert (about["data_format"], about["jpeg_encoding"]) == ("hdf5", False)
    space = json.loads(about["observation_space"])
    assert set(space["subspaces"]) == {"pixels", "state"}
    assert np.shape(space["subspaces"]["pixels"]["high"]) == (20, 20, 3)
    with h5py.File(out / "data/main_data.hdf5", "r") as data:
        assert set(data) == {"episode_0", "episode_1", "episode_2"}
        episode = data["episode_2"]
        assert episode.attrs["seed"] == 102
        assert episode.attrs["total_steps"] == 6
        assert episode["observations/pixels"].shape == (7, 20, 20, 3)
        assert episode["infos/position"].shape == (7, 2)
        assert episode["rewards"][:].tolist() == [0] * 6
        assert episode["terminations"][:].tolist() == [False] * 6
        assert episode["truncations"][:].tolist() == [False] * 5 + [True]


def outcome_file(tmp_path: Path, **labels: np.ndarray) -> EpisodeFile:
    specs = {n: StreamSpec(shape=(), dtype=str(v.dtype)) for n, v in labels.items()}
    steps = len(next(iter(labels.values()))) - 1
    with EpisodeWriter(tmp_path / "a.h5", drift_spec(labels=specs)) as writer:
        writer.append(make_episode(0, steps, labels=labels))
    return EpisodeFile(tmp_path / "a.h5")


def test_outcomes_are_taken_from_labels(tmp_path: Path) -> None:
    rewards = np.array([0, 1.5, 2.5, -1])
    ended = np.array([False, False, False, True])
    file = outcome_file(tmp_path, reward=rewards, terminated=ended)
    write_minari(file, tmp_path / "a-v0")
    with h5py.File(tmp_path / "a-v0/data/main_data.hdf5", "r") as data:
        assert data["episode_0/rewards"][:].tolist() == [1.5, 2.5, -1]
        assert data["episode_0/terminations"][:].tolist() == [False, False, True]
        assert data["episode_0/truncations"][:].tolist() == [False, False, False]
    assert_back(tmp_path / "a-v0", file)


def test_what_was_imported_goes_out_again(tmp_path: Path) -> None:
    source = MinariSource(minari(tmp_path / "made-v0"), Wanted())
    with EpisodeWriter(tmp_path / "in.h5", source.spec) as writer:
        for episode in source.episodes():
            writer.append(episode)
    file = EpisodeFile(tmp_path / "in.h5")
    write_minari(file, tmp_path / "again-v0")
    assert_back(tmp_path / "again-v0", file)
    with (
        h5py.File(tmp_path / "made-v0/data/main_data.hdf5", "r") as before,
        h5py.File(tmp_path / "again-v0/data/main_data.hdf5", "r") as after,
    ):
        for name in before:
            for rows in ("actions", "rewards", "terminations", "truncations"):
                np.testing.assert_array_equal(before[name][rows], after[name][rows])


def test_reading_some_of_it_and_smaller(file: EpisodeFile, tmp_path: Path) -> None:
    write_minari(file, tmp_path / "drift-v0")
    wanted = Wanted(image_size=(10, 5), streams=("pixels",))
    source = MinariSource(tmp_path / "drift-v0", wanted)
    assert source.spec.streams["pixels"].shape == (10, 5, 3)
    (episode,) = source.episodes(2)
    assert episode.observations["pixels"].shape == (7, 10, 5, 3)


def test_existing_folders(file: EpisodeFile, tmp_path: Path) -> None:
    out = tmp_path / "drift-v0"
    write_minari(file, out)
    (out / "data/extra").touch()
    with pytest.raises(FileExistsError, match="--overwrite"):
        write_minari(file, out)
    write_minari(file, out, overwrite=True)
    assert not (out / "data/extra").exists()
    assert_back(out, file)
    precious = tmp_path / "precious-v0"
    precious.mkdir()
    (precious / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="is not replaced"):
        write_minari(file, precious, overwrite=True)
    assert (precious / "thesis.tex").exists()


@pytest.mark.parametrize("name", ["drift", "drift-v", "dr ift-v0", "drift-v0.1"])
def test_names_that_minari_would_refuse(
    file: EpisodeFile, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match="call the folder NAME-v0"):
        write_minari(file, tmp_path / name)


def test_a_stream_that_minari_would_split(tmp_path: Path) -> None:
    spec = drift_spec(
        streams={"a/b": StreamSpec(shape=(2,), dtype="float32")}, labels={}
    )
    episode = make_episode(0, labels={})
    with EpisodeWriter(tmp_path / "a.h5", spec) as writer:
        writer.append(
            Episode(
                observations={"a/b": episode.observations["state"]},
                actions=episode.actions,
            )
        )
    with pytest.raises(ValueError, match="takes a name with '/' for two"):
        write_minari(EpisodeFile(tmp_path / "a.h5"), tmp_path / "a-v0")


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_full_disk_leaves_the_old_dataset(
    file: EpisodeFile, tmp_path: Path, monkeypatch, after: int
) -> None:
    out = tmp_path / "sets/drift-v0"
    write_minari(file, out)
    before = (out / "data/main_data.hdf5").read_bytes()
    written = 0

    def full(*_: object) -> None:
        nonlocal written
        written += 1
        if written > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(minari_writer, "_write_episode", full)
    if after == 3:
        monkeypatch.setattr(minari_writer, "_put_in_place", full)
    with pytest.raises(OSError, match="disk is full .* nothing was left behind"):
        write_minari(file, out, overwrite=True)
    assert (out / "data/main_data.hdf5").read_bytes() == before
    assert [p.name for p in out.parent.iterdir()] == ["drift-v0"]


def test_a_rename_that_fails_puts_the_old_dataset_back(
    file: EpisodeFile, tmp_path: Path, monkeypatch
) -> None:
    out = tmp_path / "sets/drift-v0"
    write_minari(file, out)
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.name.startswith(".tmp-") and "-old" not in self.name and self.is_dir():
            raise OSError(errno.EIO, "broken")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OSError, match="broken"):
        write_minari(file, out, overwrite=True)
    assert_back(out, file)
    assert [p.name for p in out.parent.iterdir()] == ["drift-v0"]


# --- whatever a world looks like

NAMES = st.text(
    st.characters(categories=("L", "N"), include_characters="_- ☞"), min_size=1
).filter(lambda name: name.strip() == name)
DTYPES = st.sampled_from(["float32", "float64", "uint8", "int64", "int16", "bool"])
SHAPES = st.lists(st.integers(1, 3), max_size=3).map(tuple)
STREAMS = st.builds(StreamSpec, shape=SHAPES, dtype=DTYPES, unit=st.just("m"))


@st.composite
def worlds(draw: st.DrawFn) -> WorldSpec:
    size = draw(st.integers(1, 3))
    low = draw(arrays(np.float32, size, elements=st.floats(-100, 0, width=32)))
    return WorldSpec(
        id=draw(st.text(max_size=5)),
        action_low=low,
        action_high=low + np.float32(2),
        streams=draw(st.dictionaries(NAMES, STREAMS, min_size=1, max_size=3)),
        labels=draw(st.dictionaries(NAMES, STREAMS, max_size=3)),
        max_steps=draw(st.integers(1, 9)),
        options=draw(st.dictionaries(st.text(), st.integers(), max_size=2)),
    )


@st.composite
def episodes_of(draw: st.DrawFn, spec: WorldSpec, seed: int) -> Episode:
    steps = draw(st.integers(1, 4))

    def rows(stream: StreamSpec) -> np.ndarray:
        finite = {"allow_nan": False, "allow_infinity": False}
        elements = finite if stream.dtype.startswith("float") else None
        return draw(arrays(stream.dtype, (steps + 1, *stream.shape), elements=elements))

    shares = st.floats(0, 1, width=32)
    share = draw(arrays(np.float32, (steps, spec.action_dim), elements=shares))
    return Episode(
        observations={name: rows(s) for name, s in spec.streams.items()},
        actions=spec.action_low + 2 * share,
        labels={name: rows(s) for name, s in spec.labels.items()},
        seed=seed,
        layout=draw(st.dictionaries(st.text(), st.floats(-9, 9), max_size=2)),
    )


@settings(max_examples=10)
@given(st.data())
def test_any_world_comes_back(tmp_path_factory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("minari")
    spec = data.draw(worlds())
    with EpisodeWriter(folder / "a.h5", spec) as writer:
        for seed in range(data.draw(st.integers(1, 3))):
            writer.append(data.draw(episodes_of(spec, seed)))
    file = EpisodeFile(folder / "a.h5")
    write_minari(file, folder / "a-v0")
    assert_back(folder / "a-v0", file)
