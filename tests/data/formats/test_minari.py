"""Minari datasets: spaces, infos, images in JPEG, and what is wrong with them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from tests.data.formats.builders import (
    LENGTHS,
    arrived,
    assert_streams,
    commands,
    lengths_of,
    minari,
    vectors,
)
from tests.data.formats.spoiling import drop, put

from telos.data import EpisodeFile, EpisodeWriter
from telos.data.formats.minari import MinariSource, recognises
from telos.data.formats.source import Source, Wanted

MAIN = "data/main_data.hdf5"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return minari(tmp_path / "made-v0")


def rewrite(folder: Path, rows: Callable[[int, int], object], place: str) -> None:
    """Replace an array of every episode."""
    with h5py.File(folder / MAIN, "r+") as file:
        for number, steps in enumerate(LENGTHS):
            if place in file[f"episode_{number}"]:
                del file[f"episode_{number}/{place}"]
            file[f"episode_{number}/{place}"] = rows(number, steps)


def describe(folder: Path, **changes: object) -> None:
    path = folder / "data/metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_frames_actions_and_outcomes(folder: Path) -> None:
    source = MinariSource(folder, Wanted())
    assert isinstance(source, Source)
    episodes = list(source.episodes())
    assert (source.num_episodes, source.spec.max_steps) == (3, 6)
    for number, (episode, steps) in enumerate(zip(episodes, LENGTHS, strict=True)):
        assert episode.seed == number
        np.testing.assert_array_equal(episode.actions, commands(number, steps))
        state = vectors(number, steps + 1, 3).astype(np.float32)
        assert_streams(episode.observations, {"state": state})
        assert_streams(
            episode.labels,
            {
                "reward": arrived(np.arange(steps, dtype=np.float64)),
                "terminated": np.arange(steps + 1) == steps,
                "truncated": np.zeros(steps + 1, bool),
            },
        )


def test_what_the_spec_says(folder: Path) -> None:
    spec = MinariSource(folder, Wanted()).spec
    assert spec.id == "hand/made-v0"
    assert spec.options == {
        "format": "minari",
        "actions": {"bounds": "declared"},
        "state": [{"name": "observations", "shape": [3]}],
        "left_out": [],
    }
    assert MinariSource(folder, Wanted()).fps is None


@pytest.mark.parametrize("where", [".", "data", MAIN])
def test_every_way_to_name_a_dataset(folder: Path, where: str) -> None:
    assert recognises(folder / where)
    assert MinariSource(folder / where, Wanted()).num_episodes == 3


def test_what_is_no_dataset(folder: Path, tmp_path: Path) -> None:
    assert not recognises(tmp_path)
    assert not recognises(tmp_path / "none")
    assert not recognises(folder / "data/metadata.json")
    with pytest.raises(FileNotFoundError):
        MinariSource(tmp_path / "none", Wanted())
    with pytest.raises(ValueError, match="no Minari dataset"):
        MinariSource(tmp_path, Wanted())


def test_other_folders_with_a_description(tmp_path: Path) -> None:
    for content in ("{}", "[]", "{", '{"frames": 3}'):
        (tmp_path / "metadata.json").write_text(content)
        assert not recognises(tmp_path)
    (tmp_path / "metadata.json").write_text('{"data_format": "arrow"}')
    assert recognises(tmp_path)
    with pytest.raises(ValueError, match="stored as 'arrow'"):
        MinariSource(tmp_path, Wanted())


def test_older_files_describe_themselves(folder: Path) -> None:
    about = json.loads((folder / "data/metadata.json").read_text())
    (folder / "data/metadata.json").unlink()
    with h5py.File(folder / MAIN, "r+") as file:
        for name in ("dataset_id", "action_space", "total_episodes"):
            file.attrs[name] = about[name]
    assert recognises(folder)
    spec = MinariSource(folder, Wanted()).spec
    assert spec.id == "hand/made-v0"
    assert spec.options["actions"] == {"bounds": "declared"}


def test_dict_observations_are_sorted_out(folder: Path) -> None:
    shapes = {"b": (2,), "a": (), "desired_goal": (2,), "deep/c": (2, 2)}
    for name, shape in shapes.items():
        rewrite(
            folder,
            lambda n, t, shape=shape: np.full((t + 1, *shape), n + len(shape) / 10.0),
            f"observations_/{name}",
        )
    rewrite(folder, lambda n, t: ["go"] * (t + 1), "observations_/mission")
    rewrite(folder, lambda n, t: np.zeros((t + 1, 300, 300)), "observations_/depth")
    with h5py.File(folder / MAIN, "r+") as file:
        for number in range(len(LENGTHS)):
            group = file[f"episode_{number}"]
            del group["observations"]
            group.move("observations_", "observations")
    source = MinariSource(folder, Wanted())
    episode = list(source.episodes())[2]
    assert [p["name"] for p in source.spec.options["state"]] == ["a", "b", "deep.c"]
    np.testing.assert_allclose(
        episode.observations["state"][0], [2, 2.1, 2.1, 2.2, 2.2, 2.2, 2.2]
    )
    np.testing.assert_array_equal(episode.labels["desired_goal"][0], [2.1, 2.1])
    assert set(source.spec.options["left_out"]) == {
        "observations/mission",
        "observations/depth",
    }


def test_infos_become_labels_where_all_episodes_have_them(folder: Path) -> None:
    rewrite(folder, lambda n, t: np.arange(t + 1), "infos/step")
    rewrite(folder, lambda n, t: np.ones((t + 1, 2), np.float32), "infos/deep/pair")
    rewrite(folder, lambda n, t: np.full(t + 1, 0.5), "infos/reward")
    rewrite(folder, lambda n, t: np.arange(t), "infos/short")
    rewrite(folder, lambda n, t: ["a"] * (t + 1), "infos/text")
    rewrite(folder, lambda n, t: np.arange(t + 1), "infos/rare")
    with h5py.File(folder / MAIN, "r+") as file:
        del file["episode_1/infos/rare"]
    source = MinariSource(folder, Wanted())
    assert set(source.spec.labels) == {
        *("reward", "terminated", "truncated"),
        *("step", "deep.pair", "info.reward"),
    }
    left_out = source.spec.options["left_out"]
    assert set(left_out) == {"infos/text", "infos/rare"}
    episode = next(source.episodes())
    assert episode.labels["step"].tolist() == [0, 1, 2, 3, 4]
    assert (episode.labels["info.reward"] == 0.5).all()


def jpeg(colour: int, side: int, mode: str = "RGB") -> np.ndarray:
    image = Image.new(mode, (side, side), (colour,) * 3 if mode == "RGB" else colour)
    content = io.BytesIO()
    image.save(content, "JPEG")
    return np.frombuffer(content.getvalue(), np.uint8)


def image_space(*shape: int) -> str:
    box = {"type": "Box", "dtype": "uint8", "shape": shape, "low": 0, "high": 255}
    return json.dumps(box)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("ragged", [True, False])
def test_images_in_jpeg(folder: Path, mode: str, ragged: bool) -> None:
    shape = (40, 40, 3) if mode == "RGB" else (40, 40)
    describe(folder, observation_space=image_space(*shape))

    def rows(number: int, steps: int) -> np.ndarray:
        coded = [jpeg(50 * number + 5 * t, 40, mode) for t in range(steps + 1)]
        if not ragged:
            length = max(map(len, coded))
            return np.stack([np.resize(row, length) for row in coded])
        out = np.empty(steps + 1, h5py.vlen_dtype(np.uint8))
        out[:] = coded
        return out

    with h5py.File(folder / MAIN, "r+") as file:
        for number, steps in enumerate(LENGTHS):
            group = file[f"episode_{number}"]
            del group["observations"]
            dtype = h5py.vlen_dtype(np.uint8) if ragged else None
            group.create_dataset("observations", data=rows(number, steps), dtype=dtype)
    source = MinariSource(folder, Wanted())
    assert source.spec.streams["pixels"].shape == (40, 40, 3)
    for number, episode in enumerate(source.episodes()):
        found = episode.observations["pixels"].astype(int)
        colours = 50 * number + 5 * np.arange(len(found))
        assert np.abs(found - colours[:, None, None, None]).max() <= 2
    wrong = describe(folder, observation_space=image_space(40, 48, *shape[2:]))
    assert wrong is None
    with pytest.raises(ValueError, match="episode_0.*row 0: a JPEG image of shape"):
        next(MinariSource(folder, Wanted()).episodes())


def test_bytes_that_are_no_jpeg(folder: Path) -> None:
    describe(folder, observation_space=image_space(40, 40, 3))
    rewrite(folder, lambda n, t: np.ones((t + 1, 50), np.uint8), "observations")
    with pytest.raises(ValueError, match="episode_0.*row 0: no JPEG image"):
        next(MinariSource(folder, Wanted()).episodes())
    half = jpeg(9, 40)[:-300]
    rewrite(folder, lambda n, t: np.stack([half] * (t + 1)), "observations")
    with pytest.raises(ValueError, match="episode_0.*row 0: .*[Tt]runcated"):
        next(MinariSource(folder, Wanted()).episodes())


def test_small_bytes_are_numbers_and_large_ones_images(folder: Path) -> None:
    rewrite(folder, lambda n, t: np.ones((t + 1, 7, 7, 3), np.uint8), "observations")
    assert MinariSource(folder, Wanted()).spec.streams["state"].shape == (147,)
    rewrite(folder, lambda n, t: np.ones((t + 1, 32, 40, 3), np.uint8), "observations")
    source = MinariSource(folder, Wanted(image_size=(8, 10)))
    assert source.spec.streams["pixels"].shape == (8, 10, 3)
    assert (next(source.episodes()).observations["pixels"] == 1).all()


@pytest.mark.parametrize(
    ("space", "stored", "coded"),
    [
        ({"type": "Discrete", "n": 3, "start": 1}, [3, 1], [[0, 0, 1], [1, 0, 0]]),
        (
            {"type": "MultiDiscrete", "nvec": [2, 3], "start": [0, 0]},
            [[1, 0], [0, 2]],
            [[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]],
        ),
        ({"type": "MultiBinary", "n": 2}, [[1, 0], [0, 0]], [[1, 0], [0, 0]]),
    ],
)
def test_discrete_actions(folder: Path, space: dict, stored: list, coded: list) -> None:
    describe(folder, action_space=json.dumps(space))
    block = np.array(stored, np.int64)
    rewrite(folder, lambda n, t: block[np.arange(t) % 2], "actions")
    source = MinariSource(folder, Wanted())
    episode = next(source.episodes())
    np.testing.assert_array_equal(episode.actions[:2], coded)
    assert (source.spec.action_low == 0).all()
    assert (source.spec.action_high == 1).all()


def test_actions_beyond_their_space_widen_the_bounds(folder: Path) -> None:
    rewrite(folder, lambda n, t: 3 * commands(n, t), "actions")
    spec = MinariSource(folder, Wanted()).spec
    assert spec.options["actions"] == {"bounds": "measured"}
    assert len(list(MinariSource(folder, Wanted()).episodes())) == 3


def test_it_begins_at_any_episode_and_reads_what_is_wanted(folder: Path) -> None:
    source = MinariSource(folder, Wanted(streams=("state",)))
    for first in range(4):
        assert lengths_of(list(source.episodes(first))) == list(LENGTHS[first:])
    with pytest.raises(ValueError, match=r"\['pixels'\].*\['state'\]"):
        MinariSource(folder, Wanted(streams=("pixels",)))


def test_episodes_without_an_action_are_passed_over(tmp_path: Path) -> None:
    folder = minari(tmp_path / "made-v0", (0, 2, 0, 3))
    source = MinariSource(folder, Wanted())
    episodes = list(source.episodes())
    assert lengths_of(episodes) == [2, 3]
    assert [e.seed for e in episodes] == [0, 1]
    np.testing.assert_array_equal(episodes[1].actions, commands(3, 3))


def test_an_episode_file_takes_it_all(folder: Path, tmp_path: Path) -> None:
    source = MinariSource(folder, Wanted())
    with EpisodeWriter(tmp_path / "out.h5", source.spec) as writer:
        for episode in source.episodes():
            writer.append(episode)
    assert EpisodeFile(tmp_path / "out.h5").num_frames == sum(LENGTHS) + len(LENGTHS)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop("episode_1"), r"lacks the episodes \[1\] of 3"),
        (drop("episode_2"), "holds 2 episodes, but is said to have 3"),
        (drop("episode_0/actions"), "actions does not exist"),
        (drop("episode_2/observations"), "episode_2.*observations does not exist"),
        (drop("episode_2/rewards"), "episode_2.*rewards does not exist"),
        (put("episode_2/observations", np.zeros((6, 3))), "6 rows, expected 7"),
        (put("episode_2/observations", np.zeros((7, 4))), "as in the first"),
        (put("episode_2/observations", np.zeros((7, 3), "f4")), "float32.*float64"),
        (put("episode_2/observations", np.full((7, 3), np.nan)), "episode_2.*NaN"),
        (put("episode_2/observations", ["a"] * 7), "expected numbers"),
        (put("episode_2/rewards", np.zeros(5)), "rewards has 5 rows, expected 6"),
        (put("episode_2/rewards", np.full(6, np.nan)), "episode_2.*reward"),
        (put("episode_2/actions", np.zeros((5, 2))), "total_steps"),
        (put("episode_2/actions", np.zeros((6, 1))), "as before"),
        (put("episode_2/actions", np.full((6, 2), np.nan)), "episode_2.*NaN"),
        (put("episode_0/actions", h5py.Empty("f4")), "actions is no dataset"),
        (put("episode_2/observations", h5py.SoftLink("/episode_1")), "is a link"),
        (
            put("episode_2/observations", h5py.ExternalLink("/etc/passwd", "/a")),
            "is a link to another place",
        ),
    ],
)
def test_damage_is_named(folder: Path, spoil: Callable, message: str) -> None:
    with h5py.File(folder / MAIN, "r+") as file:
        spoil(file)
    with pytest.raises(ValueError, match=message) as caught:
        list(MinariSource(folder, Wanted()).episodes())
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_format": "arrow"}, "stored as 'arrow', telos reads 'hdf5'"),
        ({"action_space": "{"}, "made-v0"),
        ({"action_space": "[1]"}, "space without a type"),
        ({"action_space": json.dumps({"type": "Dict"})}, "space of type Dict"),
        ({"action_space": json.dumps({"type": "Discrete"})}, "'n'"),
        ({"action_space": json.dumps({"type": "Box", "low": ["a"]})}, "made-v0"),
        ({"observation_space": "nothing"}, "made-v0"),
        ({"total_episodes": "many"}, "made-v0"),
        ({"telos_spec": "{}"}, "damaged .KeyError"),
    ],
)
def test_wrong_descriptions(folder: Path, change: dict, message: str) -> None:
    describe(folder, **change)
    with pytest.raises(ValueError, match=message):
        MinariSource(folder, Wanted())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"7"])
def test_a_description_that_is_none(folder: Path, content: bytes) -> None:
    (folder / "data/metadata.json").write_bytes(content)
    with pytest.raises(ValueError, match="metadata.json"):
        MinariSource(folder, Wanted())
