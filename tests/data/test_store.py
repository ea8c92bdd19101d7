"""Episode files: what is written is what is read, and nothing else is accepted."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.data.worlds import drift_spec, make_episode

from telos.data import EpisodeFile, EpisodeWriter, Recording
from telos.data import join as join_module
from telos.data import store as store_module
from telos.data import writer as writer_module
from telos.data.schema import spec_difference, spec_from_json, spec_to_json
from telos.types import Episode

LENGTHS = (4, 9, 1, 6)


def write(path: Path, seeds: range, **modes: bool) -> Path:
    with EpisodeWriter(path, drift_spec(), **modes) as writer:
        for seed in seeds:
            writer.append(make_episode(seed, LENGTHS[seed % len(LENGTHS)]))
    return path


def assert_same(found: Episode, expected: Episode) -> None:
    for left, right in (
        (found.observations, expected.observations),
        (found.labels, expected.labels),
    ):
        assert set(left) == set(right)
        for name in left:
            assert left[name].dtype == right[name].dtype
            np.testing.assert_array_equal(left[name], right[name])
    np.testing.assert_array_equal(found.actions, expected.actions)
    assert (found.seed, found.layout) == (expected.seed, expected.layout)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "a.h5", range(4))


def test_episodes_come_back_unchanged(path: Path) -> None:
    file = EpisodeFile(path)
    assert (file.num_episodes, file.num_frames) == (4, sum(LENGTHS) + 4)
    for index, steps in enumerate(LENGTHS):
        assert_same(file.episode(index), make_episode(index, steps))


def test_tables(path: Path) -> None:
    file = EpisodeFile(path)
    np.testing.assert_array_equal(file.lengths, [5, 10, 2, 7])
    np.testing.assert_array_equal(file.starts, [0, 5, 15, 17])
    np.testing.assert_array_equal(file.seeds, [0, 1, 2, 3])
    assert file.layouts == ({"wall": 0}, {"wall": 0.5}, {"wall": 1}, {"wall": 1.5})
    assert not spec_difference(file.spec, drift_spec())


def test_layout_on_disk_is_the_documented_one(path: Path) -> None:
    with h5py.File(path, "r") as file:
        assert file.attrs["format"] == "telos-episodes"
        assert file.attrs["version"] == 1
        assert json.loads(file.attrs["spec"])["id"] == "drift"
        assert set(file) == {"observations", "labels", "actions", "episodes"}
        assert file["observations/pixels"].dtype == np.uint8
        ends = file["episodes/start"][:] + file["episodes/length"][:] - 1
        last_rows = np.isnan(file["actions"][:]).all(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(last_rows), ends)


def test_load_some_episodes_in_the_order_asked_for(path: Path) -> None:
    recording = EpisodeFile(path).load([3, 0, 1], streams=["state"])
    assert list(recording.observations) == ["state"]
    np.testing.assert_array_equal(recording.starts, [0, 7, 12])
    np.testing.assert_array_equal(recording.seeds, [3, 0, 1])
    for position, index in enumerate((3, 0, 1)):
        expected = make_episode(index, LENGTHS[index])
        found = recording.episode(position)
        np.testing.assert_array_equal(found.actions, expected.actions)
        np.testing.assert_array_equal(
            found.observations["state"], expected.observations["state"]
        )


def test_select_equals_load_of_the_same_episodes(path: Path) -> None:
    file = EpisodeFile(path)
    selected, loaded = file.load().select([2, 0]), file.load([2, 0])
    assert selected.num_transitions == loaded.num_transitions == 1 + 4
    for index in range(2):
        assert_same(selected.episode(index), loaded.episode(index))


def test_recording_of_episodes_in_memory_equals_the_file(path: Path) -> None:
    episodes = [make_episode(i, n) for i, n in enumerate(LENGTHS)]
    memory = Recording.from_episodes(episodes, drift_spec())
    disk = EpisodeFile(path).load()
    np.testing.assert_array_equal(memory.actions, disk.actions)
    np.testing.assert_array_equal(memory.starts, disk.starts)


@pytest.mark.parametrize("episodes", [[], [4], [-1]])
def test_wrong_episode_indices(path: Path, episodes: list[int]) -> None:
    file = EpisodeFile(path)
    with pytest.raises(ValueError, match="no episodes|there are 4"):
        file.load(episodes)


def test_wrong_stream(path: Path) -> None:
    with pytest.raises(ValueError, match=r"\['sound'\].*\['pixels', 'state'\]"):
        EpisodeFile(path).load(streams=["sound"])


def test_digest_follows_the_content_not_the_file(path: Path, tmp_path: Path) -> None:
    twice = write(write(tmp_path / "b.h5", range(2)), range(2, 4), append=True)
    assert EpisodeFile(twice).digest == EpisodeFile(path).digest
    other = write(tmp_path / "c.h5", range(1, 5))
    assert EpisodeFile(other).digest != EpisodeFile(path).digest


@pytest.mark.parametrize("name", ["actions", "observations/pixels", "labels/position"])
def test_digest_sees_every_stream(path: Path, name: str) -> None:
    before = EpisodeFile(path).digest
    with h5py.File(path, "r+") as file:
        rows = file[name][:]
        rows[0] = 1
        file[name][:] = rows
    assert EpisodeFile(path).digest != before


def test_an_opened_file_travels_to_another_process(path: Path) -> None:
    file = EpisodeFile(path)
    copy = pickle.loads(pickle.dumps(file))
    assert_same(copy.episode(1), file.episode(1))


def test_spec_codec_is_reversible_and_reports_differences() -> None:
    spec = drift_spec(options={"size": np.float32(0.5), "zone": None, "a": (1, 2)})
    assert spec_to_json(spec_from_json(spec_to_json(spec))) == spec_to_json(spec)
    assert not spec_difference(spec_from_json(spec_to_json(spec)), spec)
    assert "max_steps is 30, expected 9" in spec_difference(
        drift_spec(), drift_spec(max_steps=9)
    )
    with pytest.raises(ValueError, match="plain data"):
        spec_to_json(drift_spec(options={"render": object()}))


def test_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="telos collect"):
        EpisodeFile(tmp_path / "none.h5")
    (tmp_path / "none.h5.parts").mkdir()
    with pytest.raises(FileNotFoundError, match="--resume"):
        EpisodeFile(tmp_path / "none.h5")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_truncated_file(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="truncated or damaged"):
        EpisodeFile(path)


def test_text_file_and_empty_file_and_folder(tmp_path: Path) -> None:
    for content in ("hello, I am not a recording", ""):
        (tmp_path / "a.h5").write_text(content)
        with pytest.raises(ValueError, match="not an HDF5 file"):
            EpisodeFile(tmp_path / "a.h5")
    with pytest.raises(ValueError, match="is a folder"):
        EpisodeFile(tmp_path)


def test_foreign_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = [1, 2]
    with pytest.raises(ValueError, match=r"no episode file.*\['data'\]"):
        EpisodeFile(tmp_path / "a.h5")


def test_newer_version(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 99
    with pytest.raises(ValueError, match="version 99.*upgrade"):
        EpisodeFile(path)


def test_missing_and_contradictory_tables(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["episodes/length"][0] = 50
    with pytest.raises(ValueError, match="does not add up"):
        EpisodeFile(path)
    with h5py.File(path, "r+") as file:
        del file["episodes/seed"]
    with pytest.raises(ValueError, match="truncated or damaged"):
        EpisodeFile(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actions": np.zeros((8, 3), np.float32)}, r"actions: found shape \(8, 3\)"),
        ({"actions": np.zeros((0, 2), np.float32)}, "at least one step"),
        ({"actions": np.zeros((8, 2))}, "actions: found dtype float64"),
        (
            {"actions": np.full((8, 2), 2.1, np.float32)},
            r"dimension 0 is 2.1 at step 0, expected \[-2, 2\]",
        ),
        (
            {"actions": np.full((8, 2), np.nan, np.float32)},
            "actions: 16 values are NaN",
        ),
        ({"observations": {}}, r"observations: found \[\], expected \['pixels'"),
        ({"labels": {"speed": np.zeros(9)}}, r"labels: found \['speed'\]"),
        (
            {"labels": {"position": np.zeros((8, 2), np.float32)}},
            r"labels/position: found shape \(8, 2\), expected \(9, 2\)",
        ),
        (
            {"labels": {"position": np.zeros((9, 2))}},
            "labels/position: found dtype float64, expected float32",
        ),
        (
            {"labels": {"position": np.full((9, 2), np.inf, np.float32)}},
            "labels/position: 18 values",
        ),
    ],
)
def test_wrong_episode_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = tmp_path / "a.h5"
    with EpisodeWriter(path, drift_spec()) as writer:
        writer.append(make_episode(0))
        with pytest.raises(ValueError, match=message):
            writer.append(make_episode(1, **changes))
    assert EpisodeFile(path).num_episodes == 1


def test_actions_at_the_bounds_up_to_rounding_are_accepted(tmp_path: Path) -> None:
    actions = np.tile(np.float32([2.0001, -1.0001]), (8, 1))
    with EpisodeWriter(tmp_path / "a.h5", drift_spec()) as writer:
        writer.append(make_episode(0, actions=actions))


def test_many_slabs_and_parts_join_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join_module, "SLAB_FRAMES", 7)
    monkeypatch.setattr(writer_module, "PART_BYTES", 20_000)
    file = EpisodeFile(write(tmp_path / "a.h5", range(12)))
    for index in range(12):
        assert_same(file.episode(index), make_episode(index, LENGTHS[index % 4]))


def test_image_chunks_are_compressed_and_small_rows_are_not(path: Path) -> None:
    assert store_module.COMPRESS_FROM == 1024
    with h5py.File(path, "r") as file:
        assert file["observations/pixels"].compression == "lzf"
        assert file["observations/state"].chunks is None
