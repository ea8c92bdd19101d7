"""robomimic files: frames, labels and the last action."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.data.formats.builders import (
    LENGTHS,
    SIDE,
    arrived,
    assert_streams,
    commands,
    lengths_of,
    robomimic,
    robomimic_frames,
    vectors,
)
from tests.data.formats.spoiling import drop, put, say

from telos.data import EpisodeFile, EpisodeWriter
from telos.data.formats.robomimic import RobomimicSource, recognises
from telos.data.formats.source import Source, Wanted

KEPT = (0, 2)
"""Demonstrations with an action left once the last one is dropped."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return robomimic(tmp_path / "lift.hdf5")


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return robomimic(tmp_path / "lift.hdf5", after=True)


def expected_state(number: int, steps: int) -> np.ndarray:
    frames = robomimic_frames(number, steps)
    joined = np.concatenate([frames["eef_pos"], frames["gripper"]], axis=1)
    return joined.astype(np.float32)


def test_without_next_observations_the_last_action_is_dropped(path: Path) -> None:
    source = RobomimicSource(path, Wanted())
    assert isinstance(source, Source)
    assert recognises(path)
    episodes = list(source.episodes())
    assert source.num_episodes == len(episodes) == 2
    assert source.spec.max_steps == max(lengths_of(episodes)) == 5
    for position, number in enumerate(KEPT):
        steps = LENGTHS[number]
        episode = episodes[position]
        frames = robomimic_frames(number, steps)
        assert_streams(
            episode.observations,
            {
                "pixels": frames["agentview_image"][:-1],
                "state": expected_state(number, steps)[:-1],
            },
        )
        np.testing.assert_array_equal(episode.actions, commands(number, steps)[:-1])
        assert_streams(
            episode.labels,
            {
                "object": frames["object"][:-1],
                "reward": arrived(np.arange(steps - 1, dtype=np.float64)),
                "done": arrived(np.zeros(steps - 1, np.int64)),
                "states": vectors(number, steps, 5, key=3),
            },
        )
        assert episode.seed == position


def test_with_next_observations_nothing_is_dropped(whole: Path) -> None:
    source = RobomimicSource(whole, Wanted())
    episodes = list(source.episodes())
    assert lengths_of(episodes) == list(LENGTHS)
    for number, (episode, steps) in enumerate(zip(episodes, LENGTHS, strict=True)):
        frames = robomimic_frames(number, steps)
        assert_streams(
            episode.observations,
            {
                "pixels": frames["agentview_image"],
                "state": expected_state(number, steps),
            },
        )
        np.testing.assert_array_equal(episode.actions, commands(number, steps))
        assert episode.labels["done"].tolist() == [0] * steps + [1]
    assert source.spec.options["left_out"] == ["states"]


def test_what_the_spec_says(path: Path) -> None:
    spec = RobomimicSource(path, Wanted()).spec
    assert spec.id == "lift"
    assert spec.options["format"] == "robomimic"
    assert spec.options["environment"] == "Lift"
    assert spec.options["actions"] == {"bounds": "convention"}
    assert [p["name"] for p in spec.options["state"]] == ["eef_pos", "gripper"]
    assert spec.options["mask"] == {"train": [0, 1], "valid": []}
    assert RobomimicSource(path, Wanted()).fps == 20.0


def test_it_begins_at_any_episode(whole: Path) -> None:
    source = RobomimicSource(whole, Wanted())
    everything = list(source.episodes())
    for first in range(4):
        rest = list(source.episodes(first))
        assert [e.seed for e in rest] == [e.seed for e in everything[first:]]


def test_only_what_is_wanted(whole: Path) -> None:
    wanted = Wanted(image_size=(4, 2), streams=("pixels",))
    source = RobomimicSource(whole, wanted)
    episode = next(source.episodes())
    assert list(episode.observations) == list(source.spec.streams) == ["pixels"]
    assert episode.observations["pixels"].shape == (LENGTHS[0] + 1, 4, 2, 3)
    assert source.spec.options["state"] == []
    with pytest.raises(ValueError, match=r"\['sound'\].*\['pixels', 'state'\]"):
        RobomimicSource(whole, Wanted(streams=("sound",)))


def test_several_cameras_and_depth(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for number, steps in enumerate(LENGTHS):
            demo = file[f"data/demo_{number}"]
            demo["obs/wrist_image"] = np.full((steps, SIDE, SIDE, 3), 9, np.uint8)
            demo["obs/wrist_depth"] = np.zeros((steps, 200, 200, 1), np.float32)
    spec = RobomimicSource(path, Wanted()).spec
    assert set(spec.streams) == {"pixels_agentview", "pixels_wrist", "state"}
    assert spec.options["left_out"] == ["obs/wrist_depth"]


def test_cameras_that_would_share_a_name(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for number, steps in enumerate(LENGTHS):
            demo = file[f"data/demo_{number}"]
            demo["obs/agentview"] = np.zeros((steps, SIDE, SIDE, 3), np.uint8)
    spec = RobomimicSource(path, Wanted()).spec
    cameras = {"pixels_agentview", "pixels_agentview_image"}
    assert set(spec.streams) == {*cameras, "state"}


def test_an_episode_file_takes_it_all(whole: Path, tmp_path: Path) -> None:
    source = RobomimicSource(whole, Wanted())
    with EpisodeWriter(tmp_path / "out.h5", source.spec) as writer:
        for episode in source.episodes():
            writer.append(episode)
    assert EpisodeFile(tmp_path / "out.h5").num_frames == sum(LENGTHS) + len(LENGTHS)


def test_demonstrations_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    path = robomimic(tmp_path / "many.hdf5", lengths=range(2, 14))
    with h5py.File(path, "r+") as file:
        del file["data/demo_3"]
    steps = lengths_of(list(RobomimicSource(path, Wanted()).episodes()))
    assert steps == [n - 1 for n in range(2, 14) if n != 5]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop("data"), "data does not exist"),
        (drop("data/demo_0/actions"), "demo_0/actions does not exist"),
        (drop("data/demo_0/obs"), "demo_0/obs does not exist"),
        (drop("data/demo_2/obs/gripper"), "demo_2.*gripper does not exist"),
        (
            put("data/demo_2/obs/gripper", np.zeros((5, 1))),
            "demo_2.*5 rows, expected 6",
        ),
        (put("data/demo_2/obs/gripper", np.zeros((6, 2))), "demo_2.*as in the first"),
        (
            put("data/demo_2/obs/gripper", np.zeros((6, 1), np.float32)),
            "demo_2.*float32.*float64",
        ),
        (put("data/demo_2/actions", np.zeros((6, 3), np.float32)), "as before"),
        (put("data/demo_2/actions", np.zeros((5, 2))), "num_samples"),
        (put("data/demo_2/actions", np.full((6, 2), np.nan)), "demo_2.*NaN"),
        (put("data/demo_2/actions", ["text"] * 6), "expected numbers"),
        (put("data/demo_2/actions", 3.0), "demo_2"),
        (put("data/demo_2/rewards", np.full(6, np.inf)), "demo_2.*reward"),
        (say("data/demo_2", "num_samples", 7), "expected 7"),
        (say("data", "env_args", "{not json"), "env_args of data is damaged"),
        (put("mask/train", np.zeros(3)), "holds no names"),
    ],
)
def test_damage_is_named(path: Path, spoil: Callable, message: str) -> None:
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(ValueError, match=message) as caught:
        list(RobomimicSource(path, Wanted()).episodes())
    assert str(path) in str(caught.value)


def test_control_frequency_is_not_needed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["data"].attrs["env_args"] = json.dumps({"env_name": "Lift"})
    assert RobomimicSource(path, Wanted()).fps is None
