"""LeRobot datasets that LeRobot's own package wrote, read number by number."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data.fixtures.lerobot.write import FPS, LENGTHS, TASKS, episode_numbers
from tests.data.formats.films import pictures, write_film
from tests.data.formats.spoiling import complaint, damaged

from telos.data.formats import Source, Wanted
from telos.data.formats.lerobot import LeRobotSource, recognises
from telos.data.formats.resize import resize
from telos.envs.world import StreamSpec

FIXTURES = Path(__file__).parents[1] / "fixtures" / "lerobot"
ALL = ["v3.0-video", "v3.0-image", "v2.1-video", "v2.1-image"]
CAMERAS = {
    "pixels_top": "observation.images.top",
    "pixels_wrist": "observation.images.wrist",
}
LABELS = ("observation.environment_state", "next.reward", "next.done")


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a fixture that a test may break."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(FIXTURES / name, tmp_path / name))

    return make


def change(root: Path, **fields: Any) -> None:
    """Overwrite fields of meta/info.json."""
    path = root / "meta" / "info.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**info, **fields}), encoding="utf-8")


def read_all(root: Path, wanted: Wanted | None = None) -> list:
    return list(LeRobotSource(root, wanted).episodes())


@pytest.mark.parametrize("name", ALL)
def test_every_number_is_read(name: str) -> None:
    source = LeRobotSource(FIXTURES / name)
    assert isinstance(source, Source)
    assert recognises(FIXTURES / name)
    assert source.format == f"lerobot-{name.partition('-')[0]}"
    assert (source.num_episodes, source.fps) == (3, FPS)
    for number, episode in enumerate(source.episodes()):
        truth = episode_numbers(number)
        assert np.array_equal(episode.actions, truth["action"][:-1])
        assert np.array_equal(episode.observations["state"], truth["observation.state"])
        for label in LABELS:
            assert np.array_equal(episode.labels[label], truth[label])
        time = np.arange(LENGTHS[number]) / FPS
        assert episode.labels["time"] == pytest.approx(time, abs=1e-6)
        assert (
            source.spec.options["tasks"][int(episode.layout["task"])] == TASKS[number]
        )
        assert episode.seed == number
        for stream, key in CAMERAS.items():
            error = np.abs(episode.observations[stream].astype(int) - truth[key])
            # AV1 with halved colours smears the edge between the two halves.
            assert error.max() == 0 if "image" in name else error.mean() < 3


@pytest.mark.parametrize("name", ALL)
def test_the_spec_follows_the_tables(name: str) -> None:
    spec = LeRobotSource(FIXTURES / name).spec
    pixels = StreamSpec(shape=(64, 64, 3), dtype="uint8")
    state = StreamSpec(shape=(3,), dtype="float32")
    assert spec.id == name
    assert spec.streams == {
        "pixels_top": pixels,
        "pixels_wrist": pixels,
        "state": state,
    }
    assert spec.labels == {
        "time": StreamSpec(shape=(), dtype="float64", unit="s"),
        "observation.environment_state": StreamSpec(shape=(2,), dtype="float32"),
        "next.reward": StreamSpec(shape=(), dtype="float32"),
        "next.done": StreamSpec(shape=(), dtype="bool"),
        "task_index": StreamSpec(shape=(), dtype="int64"),
    }
    np.testing.assert_array_equal(
        [spec.action_low, spec.action_high], [[-1] * 2, [1] * 2]
    )
    assert spec.max_steps == max(LENGTHS) - 1
    assert spec.options == {
        "robot": "fake",
        "tasks": ["push the ball", TASKS[1]],
        "action_names": ["push", "turn"],
        "actions": {"bounds": "convention"},
    }


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("first", [1, 2])
def test_reading_from_a_later_episode(name: str, first: int) -> None:
    whole = read_all(FIXTURES / name)
    rest = list(LeRobotSource(FIXTURES / name).episodes(first))
    assert [episode.seed for episode in rest] == list(range(first, 3))
    for left, right in zip(whole[first:], rest, strict=True):
        for stream in left.observations:
            found = right.observations[stream]
            assert np.array_equal(left.observations[stream], found)


@pytest.mark.parametrize("name", ALL)
def test_only_what_is_wanted_is_read_and_resized(name: str) -> None:
    wanted = Wanted(image_size=(16, 24), streams=("pixels_wrist",))
    whole, episode = read_all(FIXTURES / name)[0], read_all(FIXTURES / name, wanted)[0]
    assert list(episode.observations) == ["pixels_wrist"]
    small = resize(whole.observations["pixels_wrist"], (16, 24))
    error = np.abs(episode.observations["pixels_wrist"].astype(int) - small)
    # Without resizing, colours are converted fast, which costs one or two levels.
    assert error.mean() < (2 if "video" in name else 0.1)
    with pytest.raises(ValueError, match=r"no streams \['pixels'\]; it has"):
        LeRobotSource(FIXTURES / name, Wanted(streams=("pixels",)))


def test_one_camera_is_called_pixels(copy) -> None:
    root = copy("v3.0-video")
    info = json.loads((root / "meta" / "info.json").read_text(encoding="utf-8"))
    del info["features"]["observation.images.wrist"]
    change(root, features=info["features"])
    assert set(LeRobotSource(root).spec.streams) == {"pixels", "state"}


def test_cameras_whose_names_collide_are_refused(copy) -> None:
    root = copy("v3.0-image")
    info = json.loads((root / "meta" / "info.json").read_text(encoding="utf-8"))
    features = info["features"]
    features["observation.images.a.b"] = features.pop("observation.images.top")
    features["observation.images.a_b"] = features.pop("observation.images.wrist")
    change(root, features=features)
    with pytest.raises(ValueError, match="would both become the stream 'pixels_a_b'"):
        LeRobotSource(root)


def scale_first_action(root: Path, factor: float) -> None:
    """Multiply the first action of all rows, and leave the statistics as they are."""
    for table in root.glob("data/**/*.parquet"):
        rows = pq.read_table(table)
        column = rows.schema.get_field_index("action")
        actions = np.stack(rows["action"].to_numpy()) * [factor, 1]
        kind = rows.schema.field(column).type
        scaled = pa.array(actions.astype(np.float32).tolist(), kind)
        pq.write_table(
            rows.set_column(column, rows.schema.field(column), scaled), table
        )


def drop_statistics(root: Path) -> None:
    for file in ("stats.json", "episodes_stats.jsonl"):
        (root / "meta" / file).unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["v3.0-image", "v2.1-image"])
@pytest.mark.parametrize("block", [1, 3, 10**6])
def test_actions_beyond_one_are_measured(
    name: str, block: int, copy, monkeypatch
) -> None:
    monkeypatch.setattr("telos.data.formats.lerobot.reader.BLOCK_ROWS", block)
    root = copy(name)
    scale_first_action(root, 100)
    drop_statistics(root)
    spec = LeRobotSource(root).spec
    pushes = np.concatenate(
        [100 * episode_numbers(e)["action"][:, 0] for e in range(3)]
    )
    assert spec.options["actions"] == {"bounds": "measured"}
    # The second action is 0.5 throughout: bounds must differ all the same.
    assert spec.action_low == pytest.approx([pushes.min(), -0.5])
    assert spec.action_high == pytest.approx([pushes.max(), 1.5])


@pytest.mark.parametrize("name", ["v3.0-image", "v2.1-image"])
def test_statistics_save_the_look_at_all_actions(name: str, copy) -> None:
    root = copy(name)
    by_statistics = LeRobotSource(root).spec
    # What the statistics say is believed until an episode is read.
    scale_first_action(root, 100)
    assert np.array_equal(
        LeRobotSource(root).spec.action_high, by_statistics.action_high
    )
    drop_statistics(root)
    assert LeRobotSource(root).spec.options["actions"] == {"bounds": "measured"}


def test_a_dataset_without_one_finite_action_is_named(copy) -> None:
    root = copy("v3.0-image")
    scale_first_action(root, np.nan)
    drop_statistics(root)
    with pytest.raises(ValueError, match=r"v3.0-image: .*holds no finite number"):
        LeRobotSource(root)


def test_statistics_that_the_actions_contradict_are_named(copy) -> None:
    root = copy("v3.0-image")
    stats = json.loads((root / "meta" / "stats.json").read_text(encoding="utf-8"))
    stats["action"]["min"], stats["action"]["max"] = [-9, 0.5], [-7, 0.5]
    (root / "meta" / "stats.json").write_text(json.dumps(stats), encoding="utf-8")
    with pytest.raises(ValueError, match=r"episode 0: actions lie.*delete its meta"):
        read_all(root)


def test_features_of_other_kinds_are_named_as_left_out(copy) -> None:
    root = copy("v3.0-image")
    info = json.loads((root / "meta" / "info.json").read_text(encoding="utf-8"))
    words = {"dtype": "string", "shape": [1], "names": None}
    change(root, features={**info["features"], "subtitle": words})
    assert LeRobotSource(root).spec.options["left_out"] == ["subtitle"]


# --- what others hand us


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"codebase_version": "v1.6"}, "expected v2.0, v2.1 or v3.0"),
        ({"codebase_version": None}, "expected v2.0, v2.1 or v3.0"),
        ({"fps": 0}, "fps is 0, expected a number above 0"),
        ({"features": None}, "features is None, expected dict"),
        ({"features": {"action": {"dtype": "float32"}}}, "'action' has dtype"),
        ({"features": {"action": {"dtype": "float32", "shape": [0]}}}, "'action'"),
        ({"total_episodes": 5}, "list 3 episodes, meta/info.json says 5"),
        ({"data_path": "/etc/passwd"}, "leads outside"),
        ({"data_path": "../{chunk_index}"}, "leads outside"),
        ({"data_path": "data/../../x"}, "leads outside"),
        ({"video_path": "/x/{video_key}"}, "leads outside"),
        ({"video_path": None}, "no video_path"),
        ({"data_path": "{chunk_index.__class__}"}, "malformed"),
        ({"data_path": "{chunk_index:099999999d}"}, "malformed"),
        ({"data_path": "{user}"}, "unknown field 'user'"),
        ({"data_path": "{"}, "malformed"),
        ({"data_path": "data/none.parquet"}, "does not exist"),
    ],
)
def test_wrong_information_is_refused(fields, message: str, copy) -> None:
    root = copy("v3.0-video")
    change(root, **fields)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_all(root)


def test_a_camera_may_not_name_a_way_out(copy) -> None:
    root = copy("v2.1-video")
    info = json.loads((root / "meta" / "info.json").read_text(encoding="utf-8"))
    features = info["features"]
    features["../../../out"] = features.pop("observation.images.top")
    change(root, features=features)
    with pytest.raises(ValueError, match="leads outside"):
        read_all(root)


@pytest.mark.parametrize("name", ["v3.0-video", "v2.1-video"])
def test_links_that_lead_outside_are_refused(name: str, copy, tmp_path: Path) -> None:
    root = copy(name)
    for pattern in ("data/**/*.parquet", "videos/**/*.mp4"):
        victim = sorted(root.glob(pattern))[0]
        secret = tmp_path / "secret"
        victim.rename(secret)
        victim.symlink_to(secret)
        with pytest.raises(ValueError, match="is a link to .*secret, outside"):
            read_all(root)
        victim.unlink()
        secret.rename(victim)
    assert len(read_all(root)) == 3


def test_the_cache_of_the_hub_may_link_to_its_blobs(copy, tmp_path: Path) -> None:
    root = tmp_path / "datasets--a--b" / "snapshots" / "main"
    blobs = tmp_path / "datasets--a--b" / "blobs"
    blobs.mkdir(parents=True)
    shutil.copytree(FIXTURES / "v3.0-image", root)
    for number, file in enumerate(sorted(root.rglob("*.parquet"))):
        file.rename(blobs / str(number))
        file.symlink_to(blobs / str(number))
    assert len(read_all(root)) == 3


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("name", ["v3.0-image", "v2.1-image"])
def test_cut_tables_are_refused(name: str, share: float, copy) -> None:
    root = copy(name)
    table = sorted(root.glob("data/**/*.parquet"))[-1]
    content = table.read_bytes()
    table.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=rf"{table.name} cannot be read as parquet"):
        read_all(root)


def test_damaged_bytes_of_a_table_never_crash(copy) -> None:
    root = copy("v3.0-image")
    table = next(root.glob("data/**/*.parquet"))
    for broken in damaged(table.read_bytes(), 40):
        table.write_bytes(broken)
        said = complaint(lambda: read_all(root))
        assert not said or table.name in said or "episode" in said


@pytest.mark.parametrize("name", ["v3.0-video", "v2.1-video"])
def test_cut_and_missing_videos_are_named(name: str, copy) -> None:
    root = copy(name)
    video = sorted(root.glob("videos/**/*.mp4"))[-1]
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"{video.name} (ends|holds no|cannot)"):
        read_all(root)
    video.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{video.name} does not exist"):
        read_all(root)


@pytest.mark.parametrize("name", ["v3.0-video", "v2.1-video"])
def test_a_video_of_another_rate_is_refused(name: str, copy) -> None:
    root = copy(name)
    video = sorted(root.glob("videos/**/*.mp4"))[0]
    write_film(video, pictures(60, 64, 64), fps=FPS // 2)
    with pytest.raises(ValueError, match="has no frame at 0.100 s.*5 frames per"):
        read_all(root)
    write_film(video, pictures(3, 64, 64), fps=FPS)
    with pytest.raises(ValueError, match="ends at 0.200 s, but the table"):
        read_all(root)


def test_rows_of_another_episode_are_refused(copy) -> None:
    root = copy("v2.1-image")
    first, second = sorted(root.glob("data/**/*.parquet"))[:2]
    shutil.copy(second, first)
    with pytest.raises(ValueError, match="belong to episodes"):
        read_all(root)


def test_missing_tables_of_episodes_are_named(copy) -> None:
    new, old = copy("v3.0-image"), copy("v2.1-image")
    shutil.rmtree(new / "meta" / "episodes")
    with pytest.raises(ValueError, match="list 0 episodes, meta/info.json says 3"):
        LeRobotSource(new)
    (old / "meta" / "episodes.jsonl").unlink()
    with pytest.raises(FileNotFoundError, match="episodes.jsonl does not exist"):
        LeRobotSource(old)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1 is no JSON"),
        ("[]", "line 1 is"),
        ('{"episode_index": 0}', "length is None"),
        ('{"episode_index": -1, "length": 3}', "episode_index is -1"),
        ('{"episode_index": 0, "length": 0}', "episode 0 has no frames"),
    ],
)
def test_damaged_lines_are_named(line: str, message: str, copy) -> None:
    root = copy("v2.1-image")
    change(root, total_episodes=1)
    (root / "meta" / "episodes.jsonl").write_text(line)
    with pytest.raises(ValueError, match=message):
        LeRobotSource(root)


def test_no_episodes_is_an_error(copy) -> None:
    root = copy("v2.1-image")
    change(root, total_episodes=0)
    (root / "meta" / "episodes.jsonl").write_text("")
    with pytest.raises(ValueError, match="has no episodes"):
        LeRobotSource(root)


def test_without_actions_their_dimension_is_zero(copy) -> None:
    root = copy("v3.0-image")
    info = json.loads((root / "meta" / "info.json").read_text(encoding="utf-8"))
    del info["features"]["action"]
    change(root, features=info["features"])
    source = LeRobotSource(root)
    assert source.spec.action_dim == 0
    assert next(source.episodes()).actions.shape == (LENGTHS[0] - 1, 0)
