"""Recordings that other projects' own code wrote hold the numbers that went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.fixtures.numbers_of_fixtures import (
    LENGTHS,
    choice,
    command,
    picture,
    reward,
    vector,
)
from tests.data.formats.builders import arrived, assert_streams

from telos.data import EpisodeFile, EpisodeWriter
from telos.data.formats import minari, ogbench, robomimic, stable_worldmodel
from telos.data.formats.minari import MinariSource
from telos.data.formats.ogbench import OGBenchSource
from telos.data.formats.robomimic import RobomimicSource
from telos.data.formats.source import Source, Wanted
from telos.data.formats.stable_worldmodel import StableWorldmodelSource

HERE = Path(__file__).parents[1] / "fixtures"
FORMATS = {
    HERE / "minari/fixture/arm-v0": (minari, MinariSource),
    HERE / "minari/fixture/walk-v1": (minari, MinariSource),
    HERE / "stable_worldmodel.hdf5": (stable_worldmodel, StableWorldmodelSource),
    HERE / "robomimic.hdf5": (robomimic, RobomimicSource),
    HERE / "ogbench": (ogbench, OGBenchSource),
    HERE / "ogbench/play-v0.npz": (ogbench, OGBenchSource),
}


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.name)
def test_each_is_recognised_by_its_own_format_alone(path: Path) -> None:
    mine = FORMATS[path][0]
    for module in (minari, stable_worldmodel, robomimic, ogbench):
        assert module.recognises(path) == (module is mine)


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.name)
def test_each_goes_into_an_episode_file(path: Path, tmp_path: Path) -> None:
    source = FORMATS[path][1](path, Wanted())
    assert isinstance(source, Source)
    with EpisodeWriter(tmp_path / "out.h5", source.spec) as writer:
        for episode in source.episodes():
            writer.append(episode)
    file = EpisodeFile(tmp_path / "out.h5")
    assert file.num_episodes == source.num_episodes
    assert file.seeds.tolist() == list(range(file.num_episodes))


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.name)
def test_no_fixture_is_large(path: Path) -> None:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    assert all(p.stat().st_size < 100_000 for p in files)


def test_minari_with_every_kind_of_observation() -> None:
    source = MinariSource(HERE / "minari/fixture/arm-v0", Wanted())
    spec = source.spec
    assert spec.id == "fixture/arm-v0"
    assert [part["name"] for part in spec.options["state"]] == [
        *("gripper._index_0", "gripper._index_1", "joints"),
    ]
    assert spec.options["left_out"] == ["observations/mission"]
    assert spec.options["actions"] == {"bounds": "declared"}
    for number, episode in enumerate(source.episodes()):
        steps = LENGTHS[number]
        frames = steps + 1
        pixels = episode.observations["pixels"].astype(int)
        assert np.abs(pixels - picture(number, frames, 32)).max() <= 2
        index = np.arange(frames, dtype=np.float32)[:, None]
        parts = (vector(number, frames, 1, 1), index, vector(number, frames, 3))
        np.testing.assert_array_equal(
            episode.observations["state"], np.concatenate(parts, axis=1)
        )
        np.testing.assert_array_equal(episode.actions, command(number, steps))
        assert_streams(
            episode.labels,
            {
                "desired_goal": vector(number, frames, 2, 2),
                "achieved_goal": vector(number, frames, 2, 3),
                "energy": vector(number, frames, 1, 4),
                "deep.n": np.arange(frames),
                "reward": arrived(reward(number, steps)),
                "terminated": np.arange(frames) == steps,
                "truncated": np.zeros(frames, bool),
            },
        )


def test_minari_with_choices() -> None:
    source = MinariSource(HERE / "minari/fixture/walk-v1", Wanted())
    assert source.spec.options["actions"] == {
        "bounds": "one-hot",
        "choices": [3],
        "starts": [1],
    }
    for number, episode in enumerate(source.episodes()):
        steps = LENGTHS[number]
        state = vector(number, steps + 1, 2)
        assert_streams(episode.observations, {"state": state})
        expected = np.eye(3, dtype=np.float32)[choice(steps) - 1]
        np.testing.assert_array_equal(episode.actions, expected)
        assert episode.labels["truncated"].tolist() == [False] * steps + [True]


def test_stable_worldmodel() -> None:
    source = StableWorldmodelSource(HERE / "stable_worldmodel.hdf5", Wanted())
    for number, episode in enumerate(source.episodes()):
        steps = LENGTHS[number]
        frames = steps + 1
        assert_streams(
            episode.observations,
            {"pixels": picture(number, frames, 16), "state": vector(number, frames, 3)},
        )
        np.testing.assert_array_equal(episode.actions, command(number, steps))
        assert_streams(
            episode.labels,
            {
                "state": vector(number, frames, 4, 1),
                "reward": arrived(reward(number, steps)),
                "terminated": np.arange(frames) == steps,
            },
        )
        assert episode.layout == {"agent.size": 1.5 + number}


def test_robomimic() -> None:
    source = RobomimicSource(HERE / "robomimic.hdf5", Wanted())
    assert source.fps == 20
    assert source.spec.options["mask"] == {"train": [1]}
    for number, episode in enumerate(source.episodes()):
        steps = LENGTHS[number]
        frames = steps + 1
        parts = (vector(number, frames, 3), vector(number, frames, 2, 1))
        assert_streams(
            episode.observations,
            {
                "pixels": picture(number, frames, 12),
                "state": np.concatenate(parts, axis=1),
            },
        )
        np.testing.assert_array_equal(episode.actions, command(number, steps))
        assert_streams(
            episode.labels,
            {
                "object": vector(number, frames, 4, 2).astype(np.float64),
                "reward": arrived(reward(number, steps)),
                "done": (np.arange(frames) == steps).astype(np.int64),
            },
        )


def test_ogbench() -> None:
    source = OGBenchSource(HERE / "ogbench", Wanted())
    assert source.spec.options["mask"] == {"train": [0, 1], "valid": [2]}
    for number, episode in enumerate(source.episodes()):
        steps = LENGTHS[number % 2]
        frames = steps + 1
        state = vector(number, frames, 3)
        assert_streams(episode.observations, {"state": state})
        expected = command(number, frames)[:-1]
        np.testing.assert_array_equal(episode.actions, expected)
        assert_streams(
            episode.labels,
            {
                "qpos": vector(number, frames, 2, 1),
                "qvel": vector(number, frames, 2, 2),
            },
        )
