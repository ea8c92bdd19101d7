"""stable-worldmodel's columns: NaN beside the last frame, episodes in a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.data.formats.builders import (
    assert_streams,
    commands,
    images,
    lengths_of,
    stable_worldmodel,
    vectors,
)
from tests.data.formats.spoiling import drop, put

from telos.data import EpisodeFile, EpisodeWriter
from telos.data.formats.source import Source, Wanted
from telos.data.formats.stable_worldmodel import StableWorldmodelSource, recognises

FRAMES = (4, 2, 6)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return stable_worldmodel(tmp_path / "pusht.h5", FRAMES)


def test_frames_actions_and_labels(path: Path) -> None:
    source = StableWorldmodelSource(path, Wanted())
    assert isinstance(source, Source)
    assert recognises(path)
    episodes = list(source.episodes())
    assert (source.num_episodes, source.spec.max_steps) == (3, 5)
    for number, (episode, count) in enumerate(zip(episodes, FRAMES, strict=True)):
        assert episode.seed == number
        np.testing.assert_array_equal(episode.actions, commands(number, count - 1))
        state = vectors(number, count, 2).astype(np.float32)
        assert_streams(
            episode.observations, {"pixels": images(number, count), "state": state}
        )
        assert_streams(
            episode.labels,
            {
                "state": vectors(number, count, 5, 1).astype(np.float32),
                "reward": np.arange(count, dtype=np.float64),
                "terminated": np.arange(count) == count - 1,
            },
        )
        assert episode.layout == {
            "agent.color[0]": number / 2,
            "agent.color[1]": number / 2,
            "agent.color[2]": number / 2,
            "wall": number,
        }


def test_what_the_spec_says(path: Path) -> None:
    spec = StableWorldmodelSource(path, Wanted()).spec
    assert spec.id == "pusht"
    assert spec.options["actions"] == {"bounds": "convention"}
    assert spec.options["state"] == [{"name": "proprio", "shape": [2]}]
    assert spec.options["left_out"] == []
    assert StableWorldmodelSource(path, Wanted()).fps is None


def test_it_begins_at_any_episode_and_reads_what_is_wanted(path: Path) -> None:
    source = StableWorldmodelSource(
        path, Wanted(image_size=(4, 4), streams=("pixels",))
    )
    for first in range(4):
        rest = list(source.episodes(first))
        assert lengths_of(rest) == [count - 1 for count in FRAMES[first:]]
        assert all(list(e.observations) == ["pixels"] for e in rest)
        assert all(e.observations["pixels"].shape[1:] == (4, 4, 3) for e in rest)


def test_an_episode_file_takes_it_all(path: Path, tmp_path: Path) -> None:
    source = StableWorldmodelSource(path, Wanted())
    with EpisodeWriter(tmp_path / "out.h5", source.spec) as writer:
        for episode in source.episodes():
            writer.append(episode)
    assert EpisodeFile(tmp_path / "out.h5").layouts[2]["wall"] == 2


@pytest.mark.parametrize(
    ("gone", "state"),
    [((), "proprio"), (("proprio",), "state"), (("proprio", "state"), None)],
)
def test_state_is_what_the_robot_measures(path: Path, gone: tuple, state: str) -> None:
    with h5py.File(path, "r+") as file:
        for name in gone:
            del file[name]
    spec = StableWorldmodelSource(path, Wanted()).spec
    assert ("state" in spec.streams) == (state is not None)
    assert [part["name"] for part in spec.options["state"]] == [state] * (
        state is not None
    )


def test_text_and_goal_images(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["text"] = ["say"] * sum(FRAMES)
        file["goal"] = np.zeros((sum(FRAMES), 8, 8, 3), np.uint8)
        file["goal_wide"] = np.zeros((sum(FRAMES), 96, 96, 3), np.uint8)
        del file["ep_idx"]
    spec = StableWorldmodelSource(path, Wanted()).spec
    assert set(spec.streams) == {"pixels", "state"}
    assert "goal" in spec.labels
    assert set(spec.options["left_out"]) == {"text", "goal_wide"}


def test_whole_numbers_are_choices(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["action"]
        actions = np.arange(sum(FRAMES)) % 3
        actions[np.cumsum(FRAMES) - 1] = -(2**40)
        file["action"] = actions
    source = StableWorldmodelSource(path, Wanted())
    assert source.spec.options["actions"]["choices"] == [3]
    first = next(source.episodes())
    np.testing.assert_array_equal(first.actions, np.eye(3, dtype="f4"))


def test_single_rows_are_passed_over(tmp_path: Path) -> None:
    path = stable_worldmodel(tmp_path / "a.h5", (1, 3, 1, 2))
    source = StableWorldmodelSource(path, Wanted())
    assert source.num_episodes == 2
    assert [e.layout["wall"] for e in source.episodes()] == [1, 3]
    assert [e.seed for e in source.episodes()] == [0, 1]


def test_ten_thousand_episodes(tmp_path: Path) -> None:
    count = 10_000
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["observation"] = np.arange(2 * count, dtype=np.float32)[:, None]
        file["action"] = np.tile(np.float32([[0.5], [np.nan]]), (count, 1))
        file["ep_len"] = np.full(count, 2, np.int32)
        file["ep_offset"] = np.arange(count) * 2
    source = StableWorldmodelSource(tmp_path / "a.h5", Wanted())
    *_, last = source.episodes(count - 3000)
    assert last.seed == source.num_episodes - 1 == count - 1
    assert last.observations["state"].tolist() == [[2 * count - 2], [2 * count - 1]]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop("ep_len"), "ep_len does not exist"),
        (drop("action"), "action does not exist"),
        (put("ep_len", [4, 2]), "do not add up"),
        (put("ep_len", [4, 3, 6]), "do not add up"),
        (put("ep_len", [4, 2, 5]), "counts 11 rows, but action has 12"),
        (put("ep_len", [4, -2, 10]), "do not add up"),
        (put("ep_len", [[4, 2, 6]]), "do not add up"),
        (put("ep_offset", [0, 4, 7]), "do not add up"),
        (put("ep_offset", ["a", "b", "c"]), "expected numbers"),
        (put("ep_idx", [0] * 3 + [1] * 3 + [2] * 6), "episode 0.*ep_idx says"),
        (put("pixels", np.zeros((11, 8, 8, 3), np.uint8)), "11 rows, expected 12"),
        (put("pixels", 1.0), "pixels"),
        (put("action", np.full((12, 2), np.nan)), "no finite number"),
        (put("action", np.diag([np.inf] * 2 + [1.0] * 10)), "episode 0.*NaN"),
        (put("action", ["text"] * 12), "expected numbers"),
        (put("reward", np.full(12, np.nan)), "episode 0.*reward"),
        (put("proprio", np.full((12, 2), np.inf)), "episode 0.*state"),
    ],
)
def test_damage_is_named(path: Path, spoil: Callable, message: str) -> None:
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(ValueError, match=message) as caught:
        list(StableWorldmodelSource(path, Wanted()).episodes())
    assert str(path) in str(caught.value)


def test_an_empty_claim_of_terabytes(tmp_path: Path) -> None:
    """HDF5 stores nothing for chunks that nobody wrote."""
    rows = 10**6
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("pixels", (rows, 64, 64, 3), "u1", chunks=(1, 64, 64, 3))
        file.create_dataset("action", (rows, 1), "f4", chunks=(2**16, 1))
        file["ep_len"], file["ep_offset"] = [rows], [0]
    with pytest.raises(ValueError, match="claims to hold 11.4 GiB"):
        StableWorldmodelSource(tmp_path / "a.h5", Wanted())
