"""Folders of videos, with tables of actions beside them and without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data.formats.films import pictures, write_film

from telos.data.formats import Source, Wanted
from telos.data.formats.beside import Beside, read_beside, rows_of_frames
from telos.data.formats.videos import VideosSource, recognises

Columns = Mapping[str, np.ndarray]


def write_csv(path: Path, columns: Columns) -> None:
    table = np.column_stack(list(columns.values()))
    header = ",".join(columns)
    np.savetxt(path, table, delimiter=",", header=header, comments="")


def write_parquet(path: Path, columns: Columns) -> None:
    pq.write_table(pa.table({n: pa.array(list(v)) for n, v in columns.items()}), path)


def write_npz(path: Path, columns: Columns) -> None:
    np.savez(path, **columns)


WRITERS = {".csv": write_csv, ".parquet": write_parquet, ".npz": write_npz}


def numbers(rows: int) -> dict[str, np.ndarray]:
    t = np.arange(rows)
    return {"left": np.sin(t), "state_x": t / 2, "right": np.cos(t), "state_y": -t}


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_table_beside_a_video_gives_actions_and_states(
    suffix: str, tmp_path: Path
) -> None:
    frames, columns = pictures(12), numbers(12)
    write_film(tmp_path / "run 1.mp4", frames)
    WRITERS[suffix](tmp_path / f"run 1{suffix}", columns)
    source = VideosSource(tmp_path)
    assert isinstance(source, Source)
    (episode,) = source.episodes()
    actions = np.column_stack([columns["left"], columns["right"]])[:-1]
    states = np.column_stack([columns["state_x"], columns["state_y"]])
    assert episode.actions == pytest.approx(actions)
    assert episode.observations["state"] == pytest.approx(states)
    assert np.array_equal(episode.observations["pixels"], frames)
    assert episode.labels["time"] == pytest.approx(np.arange(12) / 10, abs=1e-3)
    assert source.fps == 10
    assert source.spec.options == {
        "action_names": ["left", "right"],
        "actions": {"bounds": "convention"},
    }
    assert source.spec.action_low.tolist() == [-1, -1]
    assert source.spec.action_high.tolist() == [1, 1]
    assert source.spec.max_steps == 11


def test_wide_columns_of_npz_are_several_dimensions(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mkv", pictures(6))
    actions = np.arange(18.0).reshape(6, 3)
    write_npz(tmp_path / "a.npz", {"actions": actions, "state": np.ones((6, 2))})
    source = VideosSource(tmp_path)
    (episode,) = source.episodes()
    assert np.array_equal(episode.actions, actions[:-1])
    assert episode.observations["state"].shape == (6, 2)
    names = [f"actions_{i}" for i in range(3)]
    assert source.spec.options["action_names"] == names
    assert source.spec.options["actions"] == {"bounds": "measured"}
    assert source.spec.action_high.tolist() == [15, 16, 17]


def test_the_range_is_that_of_all_tables(tmp_path: Path) -> None:
    for name, factor in {"a": 1, "b": -3}.items():
        write_film(tmp_path / f"{name}.mp4", pictures(4))
        write_csv(tmp_path / f"{name}.csv", {"x": factor * np.arange(4.0)})
    spec = VideosSource(tmp_path).spec
    assert (spec.action_low.tolist(), spec.action_high.tolist()) == ([-9], [3])


def test_a_table_of_states_alone_has_no_actions(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", pictures(4))
    write_csv(tmp_path / "a.csv", {"state_x": np.arange(4.0)})
    source = VideosSource(tmp_path)
    assert (source.spec.action_dim, source.spec.options) == (0, {})
    assert next(source.episodes()).actions.shape == (3, 0)


def test_tables_without_a_finite_action_are_named(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", pictures(4))
    write_csv(tmp_path / "a.csv", {"x": np.full(4, np.nan)})
    with pytest.raises(ValueError, match=f"{tmp_path.name}: .*no finite number"):
        VideosSource(tmp_path)


def test_plain_videos_have_no_actions(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", pictures(5))
    source = VideosSource(tmp_path / "a.mp4")
    (episode,) = source.episodes()
    assert source.spec.id == "a"
    assert source.spec.action_low.shape == (0,)
    assert episode.actions.shape == (4, 0)
    assert episode.actions.dtype == np.float32


def test_videos_come_in_natural_order_also_from_subfolders(tmp_path: Path) -> None:
    (tmp_path / "day 2").mkdir()
    (tmp_path / ".trash").mkdir()
    order = ["run 2.mp4", "run 10.mp4", "Zoë.webm", "day 2/a.mkv"]
    lengths = {name: 3 + i for i, name in enumerate(order)}
    for name in order[:2]:
        write_film(tmp_path / name, pictures(lengths[name]))
    write_film(
        tmp_path / order[2],
        pictures(lengths[order[2]]),
        codec="libvpx-vp9",
        pixel_format="yuv420p",
    )
    write_film(tmp_path / order[3], pictures(lengths[order[3]]))
    for hidden in ("._run 2.mp4", ".trash/b.mp4"):
        (tmp_path / hidden).write_bytes(b"junk")
    (tmp_path / "notes.txt").write_text("no video")
    found = [e.num_steps + 1 for e in VideosSource(tmp_path).episodes()]
    assert found == [lengths[n] for n in (order[2], order[3], order[0], order[1])]
    assert [e.seed for e in VideosSource(tmp_path).episodes(2)] == [2, 3]
    assert recognises(tmp_path)
    assert not recognises(tmp_path / ".trash" / "none")


def test_mixed_sizes_need_a_common_one(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", pictures(3, 32, 48))
    write_film(tmp_path / "b.mp4", pictures(3, 64, 48))
    with pytest.raises(ValueError, match=r"b.mp4 has 64 x 48 pixels, .*a.mp4 32 x 48"):
        VideosSource(tmp_path)
    source = VideosSource(tmp_path, Wanted(image_size=(16, 20)))
    shapes = [e.observations["pixels"].shape for e in source.episodes()]
    assert shapes == [(3, 16, 20, 3)] * 2


def test_different_rates_leave_the_rate_open(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", pictures(3), fps=10)
    write_film(tmp_path / "b.mp4", pictures(3), fps=25)
    assert VideosSource(tmp_path).fps is None


def test_pixels_may_be_left_out(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", pictures(8))
    write_csv(tmp_path / "a.csv", numbers(8))
    (episode,) = VideosSource(tmp_path, Wanted(streams=("state",))).episodes()
    assert list(episode.observations) == ["state"]
    assert episode.num_steps == 7
    with pytest.raises(ValueError, match=r"no streams \['depth'\]"):
        VideosSource(tmp_path, Wanted(streams=("depth",)))


# --- rows and frames


def table(time: np.ndarray | None, rows: int) -> Beside:
    actions = np.arange(rows, dtype=np.float32)[:, None]
    return Beside(action_names=("a",), actions=actions, state=None, time=time)


def test_as_many_rows_as_frames_or_one_fewer_without_states() -> None:
    times = np.arange(10) / 10
    for rows in (9, 10):
        frames, found = rows_of_frames(table(None, rows), times, Path("x.csv"))
        assert (frames, found[:-1].tolist()) == (slice(0, 10), list(range(9)))
    for rows in (8, 11, 100):
        message = f"x.csv has {rows} rows for 10 frames, expected 10 or 9"
        with pytest.raises(ValueError, match=message):
            rows_of_frames(table(None, rows), times, Path("x.csv"))


@pytest.mark.parametrize("digits", [2, 3, 9])
def test_rounded_times_still_pair_row_with_frame(digits: int) -> None:
    times = np.arange(60) / 30
    stored = np.round(times, digits)
    frames, rows = rows_of_frames(table(stored, 60), times, Path("x.csv"))
    assert (frames, rows.tolist()) == (slice(0, 60), list(range(60)))


def test_slow_rows_hold_and_fast_rows_are_sampled() -> None:
    times = np.arange(20) / 20
    _, slow = rows_of_frames(table(np.arange(5) / 5, 5), times, Path("x.csv"))
    held = np.floor(times * 5 + 1e-9 + 0.125)
    assert slow.tolist() == np.minimum(held, 4).tolist()
    _, fast = rows_of_frames(table(np.arange(100) / 100, 100), times, Path("x.csv"))
    assert np.abs(fast / 100 - times).max() <= 1 / 40


def test_frames_that_no_row_covers_are_dropped() -> None:
    times = np.arange(20) / 10
    frames, rows = rows_of_frames(
        table(0.5 + np.arange(8) / 10, 8), times, Path("x.csv")
    )
    assert (frames.start, rows[0]) == (5, 0)
    assert frames.stop <= 14
    with pytest.raises(ValueError, match="cover 0 frames of the video"):
        rows_of_frames(table(1e9 + np.arange(8.0), 8), times, Path("x.csv"))


# --- what others hand us


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.csv", lambda p: p.write_text(""), "expected a line of different column"),
        ("a.csv", lambda p: p.write_text("1,2\n3,4\n"), "expected a line of different"),
        ("a.csv", lambda p: p.write_text("x,x\n3,4\n"), "expected a line of different"),
        ("a.csv", lambda p: p.write_text("x,y\n3\n"), "1 columns but 2 names"),
        ("a.csv", lambda p: p.write_text("x,y\n3,up\n"), "no table of numbers"),
        ("a.csv", lambda p: p.write_bytes(b"\xff\xfe\x00"), "a.csv"),
        ("a.npz", lambda p: p.write_bytes(b"PK junk"), "no NPZ archive"),
        ("a.npz", lambda p: write_npz(p, {"x": np.array(["up"])}), "holds no numbers"),
        ("a.npz", lambda p: np.savez(p, x=np.array([{}])), "a.npz.* holds no numbers"),
        (
            "a.npz",
            lambda p: write_npz(p, {"x": np.ones(3), "y": np.ones(4)}),
            "expected as many in each",
        ),
        ("a.npz", lambda p: write_npz(p, {"x": np.ones(0)}), "columns of"),
        (
            "a.npz",
            lambda p: write_npz(p, {"x": np.ones((2, 2, 2))}),
            "expected \\(rows,\\)",
        ),
        (
            "a.npz",
            lambda p: write_npz(p, {"x": np.ones(2), "time": np.zeros(2)}),
            "must be one number per row, and rise",
        ),
        ("a.parquet", lambda p: p.write_bytes(b"PAR1 junk"), "cannot be read as"),
    ],
)
def test_broken_tables_are_refused(
    name: str, write: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    write(tmp_path / name)
    with pytest.raises(ValueError, match=message):
        read_beside(tmp_path / name)


def test_tables_have_to_agree(tmp_path: Path) -> None:
    for name in "ab":
        write_film(tmp_path / f"{name}.mp4", pictures(4))
    write_csv(tmp_path / "a.csv", {"x": np.ones(4)})
    with pytest.raises(ValueError, match=r"b.mp4 has no table.* 1 of 2 videos"):
        VideosSource(tmp_path)
    write_csv(tmp_path / "b.csv", {"y": np.ones(4)})
    with pytest.raises(ValueError, match="have different columns"):
        VideosSource(tmp_path)
    write_npz(tmp_path / "b.npz", {"x": np.ones(4)})
    with pytest.raises(ValueError, match="several tables beside it"):
        VideosSource(tmp_path)


def test_a_cut_video_is_named(tmp_path: Path) -> None:
    content = write_film(tmp_path / "a.mp4", pictures(9)).read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[:-200])
    with pytest.raises(ValueError, match="a.mp4 (cannot be opened|ends before frame)"):
        VideosSource(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert not recognises(tmp_path)
    with pytest.raises(ValueError, match="holds no videos"):
        VideosSource(tmp_path)
