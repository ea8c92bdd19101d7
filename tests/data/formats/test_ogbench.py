"""OGBench archives: terminals mark ends, the last action of an episode goes."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.data.formats.builders import (
    assert_streams,
    commands,
    images,
    lengths_of,
    ogbench_arrays,
    vectors,
)

from telos.data import EpisodeFile, EpisodeWriter
from telos.data.formats.ogbench import OGBenchSource, recognises
from telos.data.formats.source import Source, Wanted

FRAMES = (4, 1, 6)
"""Frames of the episodes; that of one frame has no action."""


@pytest.fixture(params=["compressed", "stored"])
def path(tmp_path: Path, request) -> Path:
    save = np.savez_compressed if request.param == "compressed" else np.savez
    save(tmp_path / "maze-v0.npz", **ogbench_arrays(FRAMES))
    return tmp_path / "maze-v0.npz"


def test_frames_actions_and_labels(path: Path) -> None:
    source = OGBenchSource(path, Wanted())
    assert isinstance(source, Source)
    assert recognises(path)
    episodes = list(source.episodes())
    assert (source.num_episodes, source.spec.max_steps) == (2, 5)
    for seed, number in enumerate((0, 2)):
        count, episode = FRAMES[number], episodes[seed]
        assert episode.seed == seed
        np.testing.assert_array_equal(episode.actions, commands(number, count)[:-1])
        assert_streams(
            episode.observations, {"state": vectors(number, count, 3).astype("f4")}
        )
        assert_streams(
            episode.labels,
            {
                "qpos": vectors(number, count, 2, 1).astype("f4"),
                "qvel": vectors(number, count, 2, 2).astype("f4"),
            },
        )
    assert source.spec.id == "maze-v0"
    assert source.spec.options["actions"] == {"bounds": "convention"}


def test_visual_datasets_have_pixels(tmp_path: Path) -> None:
    path = tmp_path / "visual.npz"
    np.savez_compressed(path, **ogbench_arrays(FRAMES, visual=True))
    episodes = list(OGBenchSource(path, Wanted()).episodes())
    np.testing.assert_array_equal(episodes[1].observations["pixels"], images(2, 6))
    small = OGBenchSource(path, Wanted(image_size=(4, 4)))
    assert next(small.episodes()).observations["pixels"].shape == (4, 4, 4, 3)


def test_it_begins_at_any_episode_of_a_pair(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", **ogbench_arrays((3, 5)))
    np.savez_compressed(tmp_path / "a-val.npz", **ogbench_arrays((2, 4), first=2))
    assert recognises(tmp_path)
    source = OGBenchSource(tmp_path, Wanted())
    assert source.spec.options["mask"] == {"train": [0, 1], "valid": [2, 3]}
    everything = list(source.episodes())
    assert lengths_of(everything) == [2, 4, 1, 3]
    assert [e.seed for e in everything] == [0, 1, 2, 3]
    for first in range(5):
        rest = list(source.episodes(first))
        assert len(rest) == 4 - first
        for left, right in zip(rest, everything[first:], strict=True):
            assert left.seed == right.seed
            assert_streams(left.observations, right.observations)
    alone = OGBenchSource(tmp_path / "a-val.npz", Wanted())
    assert alone.num_episodes == 2


def test_a_folder_that_is_no_pair(tmp_path: Path) -> None:
    assert not recognises(tmp_path)
    np.savez(tmp_path / "a.npz", **ogbench_arrays())
    assert not recognises(tmp_path)
    with pytest.raises(ValueError, match="without a single pair"):
        OGBenchSource(tmp_path, Wanted())
    other = ogbench_arrays()
    del other["qpos"]
    np.savez(tmp_path / "a-val.npz", **other)
    with pytest.raises(ValueError, match="hold different arrays"):
        OGBenchSource(tmp_path, Wanted())


def test_terminals_of_any_type_and_an_open_end(tmp_path: Path) -> None:
    arrays = ogbench_arrays((3, 4))
    for dtype in (np.float32, np.int32, bool):
        ends = arrays["terminals"].astype(dtype)
        ends[-1] = 0
        np.savez(tmp_path / "a.npz", **{**arrays, "terminals": ends})
        episodes = list(OGBenchSource(tmp_path / "a.npz", Wanted()).episodes())
        assert lengths_of(episodes) == [2, 3]


def test_choices_become_one_hot(tmp_path: Path) -> None:
    arrays = ogbench_arrays((4, 3))
    arrays["actions"] = np.array([0, 2, 1, 9, 1, 0, 9], np.int32)
    arrays["actions"][[3, 6]] = 2
    np.savez(tmp_path / "a.npz", **arrays)
    source = OGBenchSource(tmp_path / "a.npz", Wanted())
    first, second = source.episodes()
    np.testing.assert_array_equal(first.actions, np.eye(3, dtype="f4")[[0, 2, 1]])
    np.testing.assert_array_equal(second.actions, np.eye(3, dtype="f4")[[1, 0]])
    assert source.spec.options["actions"]["choices"] == [3]


def test_rewards_belong_to_the_frame_that_they_came_with(tmp_path: Path) -> None:
    arrays = {**ogbench_arrays((3, 4)), "rewards": np.arange(7, dtype=np.float32)}
    np.savez(tmp_path / "a.npz", **arrays)
    first, second = OGBenchSource(tmp_path / "a.npz", Wanted()).episodes()
    assert first.labels["reward"].tolist() == [0, 0, 1]
    assert second.labels["reward"].tolist() == [0, 3, 4, 5]


def test_an_episode_file_takes_it_all(path: Path, tmp_path: Path) -> None:
    source = OGBenchSource(path, Wanted())
    with EpisodeWriter(tmp_path / "out.h5", source.spec) as writer:
        for episode in source.episodes():
            writer.append(episode)
    assert EpisodeFile(tmp_path / "out.h5").num_frames == 10


def test_ten_thousand_episodes(tmp_path: Path) -> None:
    count = 10_000
    np.savez_compressed(
        tmp_path / "a.npz",
        observations=np.arange(2 * count, dtype=np.float32)[:, None],
        actions=np.zeros((2 * count, 1), np.float32),
        terminals=np.arange(2 * count) % 2 == 1,
    )
    source = OGBenchSource(tmp_path / "a.npz", Wanted())
    assert source.num_episodes == count
    *_, last = source.episodes()
    assert last.observations["state"].tolist() == [[2 * count - 2], [2 * count - 1]]


def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    frames = np.zeros((2000, 64, 64, 3), np.uint8)  # 23 MiB
    ends = np.arange(2000) % 20 == 19
    np.savez_compressed(
        tmp_path / "a.npz",
        observations=frames,
        actions=np.zeros((2000, 2), np.float32),
        terminals=ends,
    )
    del frames
    tracemalloc.start()
    count = sum(1 for _ in OGBenchSource(tmp_path / "a.npz", Wanted()).episodes())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100
    assert peak < 6 * 2**20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observations": None}, "no array of numbers 'observations'"),
        ({"terminals": None}, "no array of numbers 'terminals'"),
        ({"actions": np.zeros((6, 2), "f4")}, "actions has 6 rows, expected 7"),
        ({"observations": np.array([None] * 7)}, "no array of numbers 'observations'"),
        ({"observations": np.array(["a"] * 7)}, "no array of numbers 'observations'"),
        ({"observations": np.zeros((7, 0), "f4")}, "holds no observations"),
        ({"observations": np.full((7, 2), np.nan, "f4")}, "episode 0.*NaN"),
        ({"actions": np.full((7, 2), np.nan, "f4")}, "no finite number"),
        ({"actions": np.full((7, 2), 1e300)}, "do not fit into float32"),
        ({"actions": np.zeros((7, 0), "f4")}, "no dimensions"),
        ({"actions": np.arange(7) - 2}, "is negative"),
        ({"terminals": np.ones(7, bool)}, "no episode with a step"),
        ({"qpos": np.full((7, 2), np.inf)}, "episode 0.*qpos"),
        ({"terminals": np.zeros(0, bool)}, "rows, expected 0"),
    ],
)
def test_damage_is_named(tmp_path: Path, change: dict, message: str) -> None:
    arrays = {**ogbench_arrays((3, 4)), **change}
    path = tmp_path / "a.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(ValueError, match=message) as caught:
        list(OGBenchSource(path, Wanted()).episodes())
    assert str(path) in str(caught.value)


def test_one_bad_action_is_found_where_it_is(tmp_path: Path) -> None:
    arrays = ogbench_arrays((3, 4))
    arrays["actions"][4] = np.nan
    np.savez(tmp_path / "a.npz", **arrays)
    source = OGBenchSource(tmp_path / "a.npz", Wanted())
    episodes = source.episodes()
    next(episodes)
    with pytest.raises(ValueError, match="episode 1: actions: 2 values are NaN"):
        next(episodes)


def test_a_bomb_is_refused_unless_allowed(tmp_path: Path, monkeypatch) -> None:
    """Eight megabytes of zeros in ten kilobytes."""
    monkeypatch.setattr("telos.data.formats.bombs.HARMLESS_BYTES", 2**20)
    rows = 8_000
    path = tmp_path / "bomb.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (rows, 1000)}
    )
    arrays = {"actions": np.zeros((rows, 1), "f4"), "terminals": np.zeros(rows, bool)}
    np.savez_compressed(path, **arrays)
    block = bytes(10**6)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("observations.npy", "w") as file,
    ):
        file.write(header.getvalue())
        for _ in range(rows // 1000):
            file.write(block)
    with pytest.raises(ValueError, match="claims to hold 0.0 GiB"):
        OGBenchSource(path, Wanted())
    assert OGBenchSource(path, Wanted(), largest_ratio=np.inf).num_episodes == 1


def test_an_episode_larger_than_memory_is_refused(path: Path, monkeypatch) -> None:
    monkeypatch.setattr("telos.data.formats.parts.EPISODE_BYTES", 100)
    with pytest.raises(ValueError, match="episode 0: its 4 frames would take"):
        next(OGBenchSource(path, Wanted()).episodes())
