"""Every reader against every defect: named, never a crash, and nothing is left behind.

Recordings go the way that they go for users: opened by looking at them, and imported.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data.formats.builders import (
    minari,
    ogbench_arrays,
    robomimic,
    stable_worldmodel,
)
from tests.data.formats.films import pictures, write_film
from tests.data.formats.spoiling import complaint, damaged, truncated

from telos.data import EpisodeFile
from telos.data.formats import Wanted
from telos.data.formats.importing import import_source
from telos.data.formats.opening import open_source

LEROBOT = Path(__file__).parents[1] / "fixtures" / "lerobot"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A recording that a test may break."""

    path: Path
    """What is opened."""
    files: tuple[Path, ...]
    """Binary files with frames and numbers."""


def of_folder(folder: Path, *patterns: str) -> Made:
    files = [file for pattern in patterns for file in sorted(folder.rglob(pattern))]
    return Made(path=folder, files=tuple(files))


def lerobot(name: str) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        root = Path(shutil.copytree(LEROBOT / name, folder / name))
        return of_folder(root, "data/**/*.parquet", "*.mp4")

    return make


def make_lerobot_20(folder: Path) -> Made:
    """As 2.1, but for the version and where statistics stand."""
    made = lerobot("v2.1-image")(folder)
    (made.path / "meta" / "episodes_stats.jsonl").unlink()
    change_info(made, codebase_version="v2.0")
    return made


def make_minari(folder: Path) -> Made:
    return of_folder(minari(folder / "made-v0"), "*.hdf5")


def make_robomimic(folder: Path) -> Made:
    path = robomimic(folder / "lift.hdf5")
    return Made(path=path, files=(path,))


def make_ogbench(folder: Path) -> Made:
    pair = folder / "pair"
    pair.mkdir()
    np.savez_compressed(pair / "a.npz", **ogbench_arrays())
    np.savez_compressed(pair / "a-val.npz", **ogbench_arrays(first=3))
    return of_folder(pair, "*.npz")


def make_stable_worldmodel(folder: Path) -> Made:
    path = stable_worldmodel(folder / "walk.h5")
    return Made(path=path, files=(path,))


def make_videos(folder: Path) -> Made:
    root = folder / "films"
    root.mkdir()
    for number, suffix in enumerate(("npz", "parquet")):
        write_film(root / f"{number}.mp4", pictures(8))
        write_table(root / f"{number}.{suffix}", np.sin(np.arange(8)) / 2)
    return of_folder(root, "*.mp4", "*.npz", "*.parquet")


def write_table(path: Path, actions: np.ndarray) -> None:
    if path.suffix == ".npz":
        np.savez(path, push=actions)
    else:
        pq.write_table(pa.table({"push": actions}), path)


MAKERS: dict[str, Callable[[Path], Made]] = {
    "lerobot-v2.0": make_lerobot_20,
    "lerobot-v2.1": lerobot("v2.1-video"),
    "lerobot-v3.0": lerobot("v3.0-video"),
    "lerobot-v3.0-image": lerobot("v3.0-image"),
    "minari": make_minari,
    "robomimic": make_robomimic,
    "ogbench": make_ogbench,
    "stable_worldmodel": make_stable_worldmodel,
    "videos": make_videos,
}
FOLDERS = sorted(set(MAKERS) - {"robomimic", "stable_worldmodel"})
"""Recordings of several files."""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Made]:
    def of(kind: str, folder: str = "in") -> Made:
        (tmp_path / folder).mkdir(parents=True)
        return MAKERS[kind](tmp_path / folder)

    return of


def change_info(made: Made, **fields: object) -> None:
    path = made.path / "meta" / "info.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**info, **fields}), encoding="utf-8")


def take(made: Made, out: Path, wanted: Wanted | None = None) -> int:
    """Import a recording; how many episodes came of it."""
    import_source(open_source(made.path, wanted), out, overwrite=True)
    return EpisodeFile(out).num_episodes


def refusal(made: Made, out: Path) -> str:
    """What is said of a recording that must be refused; there is no file then."""
    out.unlink(missing_ok=True)
    said = complaint(lambda: take(made, out))
    assert out.exists() == (not said)
    return said


@pytest.mark.parametrize("kind", MAKERS)
def test_paths_may_have_any_letters(kind: str, make, tmp_path: Path) -> None:
    name = "Zoe\u0301 \u2603 [it's] $HOME; %20 100%d {chunk_index} \\ \n -x"
    made = make(kind, folder=name)
    before = {path: path.read_bytes() for path in made.files}
    (tmp_path / "out" / name).mkdir(parents=True)
    assert take(made, tmp_path / "out" / name / f"{name}.h5") >= 2
    assert {path: path.read_bytes() for path in made.files} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "out"])
    assert [p.name for p in (tmp_path / "out" / name).iterdir()] == [f"{name}.h5"]


@pytest.mark.parametrize("kind", MAKERS)
def test_truncated_files_are_refused_by_name(kind: str, make, tmp_path: Path) -> None:
    made, out = make(kind), tmp_path / "out.h5"
    for file in made.files[-2:]:
        content = file.read_bytes()
        for part in truncated(content, 5):
            file.write_bytes(part)
            said = refusal(made, out)
            assert file.name in said or "of no known format" in said
        file.write_bytes(content)
    assert take(made, out) >= 2


@pytest.mark.parametrize("kind", MAKERS)
def test_damaged_bytes_never_crash(kind: str, make, tmp_path: Path) -> None:
    """What is not noticed gives a whole file, what is noticed gives none."""
    made, out, said = make(kind), tmp_path / "out.h5", []
    for file in made.files[-2:]:
        content = file.read_bytes()
        for broken in damaged(content, 6):
            file.write_bytes(broken)
            said.append(refusal(made, out))
        file.write_bytes(content)
    names = [file.name for file in made.files] + ["episode", "format", made.path.name]
    assert all(any(name in text for name in names) for text in said if text)


@pytest.mark.parametrize("kind", FOLDERS)
def test_links_that_lead_outside_are_refused(kind: str, make, tmp_path: Path) -> None:
    made, secret = make(kind), tmp_path / "secret"
    for file in sorted(p for p in made.path.rglob("*") if p.is_file()):
        file.rename(secret)
        file.symlink_to(secret)
        said = refusal(made, tmp_path / "out.h5")
        assert f"{file} is a link to {secret}, outside" in said
        file.unlink()
        secret.rename(file)
    assert take(made, tmp_path / "out.h5") >= 2


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_may_be_a_link_itself(kind: str, make, tmp_path: Path) -> None:
    made = make(kind)
    (tmp_path / "link").symlink_to(made.path)
    linked = Made(path=tmp_path / "link", files=())
    assert take(linked, tmp_path / "out.h5") >= 2


@pytest.mark.parametrize("kind", FOLDERS)
def test_missing_files_are_named(kind: str, make, tmp_path: Path) -> None:
    made = make(kind)
    for file in made.files:
        if kind == "videos" and file.suffix == ".mp4":
            continue  # nothing says that there was one
        content = file.read_bytes()
        file.unlink()
        said = refusal(made, tmp_path / "out.h5")
        assert file.stem in said or file.name in said or "of no known format" in said
        file.write_bytes(content)


def spoil_parquet(path: Path) -> None:
    rows = pq.read_table(path)
    column = rows.schema.get_field_index("action")
    actions = np.stack(rows["action"].to_numpy()).astype(np.float32)
    actions[1] = np.nan
    spoilt = pa.array(actions.tolist(), rows.schema.field(column).type)
    rows = rows.set_column(column, rows.schema.field(column), spoilt)
    pq.write_table(rows, path)


def spoil_hdf5(path: Path, place: str) -> None:
    with h5py.File(path, "r+") as file:
        actions = file[place][()]
        actions[1] = np.nan
        file[place][...] = actions


def spoil_npz(path: Path) -> None:
    arrays = ogbench_arrays()
    arrays["actions"][1] = np.nan
    np.savez(path, **arrays)


NAN: dict[str, Callable[[Made], None]] = {
    "lerobot-v2.0": lambda made: spoil_parquet(made.files[0]),
    "lerobot-v2.1": lambda made: spoil_parquet(made.files[0]),
    "lerobot-v3.0": lambda made: spoil_parquet(made.files[0]),
    "minari": lambda made: spoil_hdf5(made.files[0], "episode_0/actions"),
    "robomimic": lambda made: spoil_hdf5(made.path, "data/demo_0/actions"),
    "ogbench": lambda made: spoil_npz(made.path / "a.npz"),
    "stable_worldmodel": lambda made: spoil_hdf5(made.path, "action"),
    "videos": lambda made: np.savez(made.path / "0.npz", push=[0, np.nan, *[0] * 6]),
}


@pytest.mark.parametrize("kind", NAN)
def test_nan_actions_are_refused_and_leave_nothing(
    kind: str, make, tmp_path: Path
) -> None:
    made, out = make(kind), tmp_path / "there" / "out.h5"
    NAN[kind](made)
    said = refusal(made, out)
    assert "NaN" in said
    assert "episode" in said or "demo_0" in said
    assert not out.parent.exists() or list(out.parent.iterdir()) == []


@pytest.mark.parametrize("kind", ["lerobot-v2.1", "lerobot-v2.0"])
def test_pictures_of_another_size_need_a_common_one(
    kind: str, make, tmp_path: Path
) -> None:
    made, out = make(kind), tmp_path / "out.h5"
    if kind == "lerobot-v2.1":
        for number, video in enumerate(sorted(made.path.rglob("*.mp4"))):
            write_film(video, pictures(20, 32 + 16 * (number % 3), 48), fps=10)
    else:
        shrink_pictures(made.files[1])
    said = refusal(made, out)
    assert "as before; give a size to resize them to" in said
    assert take(made, out, Wanted(image_size=(16, 24))) == 3


def shrink_pictures(path: Path) -> None:
    """Those of one camera become those of the other, at a quarter of the size."""
    import io

    from PIL import Image

    rows = pq.read_table(path)
    name = next(n for n in rows.column_names if "images" in n)
    column = rows.schema.get_field_index(name)
    cells = rows[name].to_pylist()
    for cell in cells:
        content = io.BytesIO()
        Image.new("RGB", (16, 16)).save(content, "PNG")
        cell["bytes"] = content.getvalue()
    small = pa.array(cells, rows.schema.field(column).type)
    pq.write_table(rows.set_column(column, rows.schema.field(column), small), path)


@pytest.mark.parametrize("kind", ["lerobot-v2.1", "lerobot-v3.0"])
@pytest.mark.parametrize("fps", [3, 7.5, 40])
def test_a_rate_that_the_videos_do_not_have(
    kind: str, fps: float, make, tmp_path: Path
) -> None:
    """The tables say when frames were taken, and the videos have none then."""
    made = make(kind)
    for table in (f for f in made.files if f.suffix == ".parquet"):
        rows = pq.read_table(table)
        column = rows.schema.get_field_index("timestamp")
        field = rows.schema.field(column)
        times = pa.array(rows["frame_index"].to_numpy() / fps).cast(field.type)
        pq.write_table(rows.set_column(column, field, times), table)
    change_info(made, fps=fps)
    said = refusal(made, tmp_path / "out.h5")
    assert "no frame at" in said or "ends at" in said


# --- small files that unfold into large ones


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is harmless here fits into a test."""
    monkeypatch.setattr("telos.data.formats.bombs.HARMLESS_BYTES", 2**20)


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_bombs_beside_a_video(suffix: str, make, tmp_path: Path) -> None:
    made = make("videos")
    rows = np.zeros(2**20)
    table = made.path / f"{0 if suffix == 'npz' else 1}.{suffix}"
    if suffix == "npz":
        np.savez_compressed(table, push=rows)
    else:
        pq.write_table(pa.table({"push": rows}), table)
    assert table.stat().st_size < 2**15
    assert f"{table} claims to hold" in refusal(made, tmp_path / "out.h5")


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("place", ["data", "meta/episodes", "meta/tasks.parquet"])
def test_bombs_in_a_table_of_lerobot(place: str, make, tmp_path: Path) -> None:
    made = make("lerobot-v3.0-image")
    found = made.path / place
    table = found if found.is_file() else next(found.rglob("*.parquet"))
    pq.write_table(pa.table({"episode_index": np.zeros(2**20)}), table)
    assert f"{table} claims to hold" in refusal(made, tmp_path / "out.h5")


def test_a_bomb_of_a_picture(make, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)
    said = refusal(make("lerobot-v3.0-image"), tmp_path / "out.h5")
    assert "a picture cannot be decoded" in said
    assert "exceeds limit" in said


@pytest.mark.parametrize("number", [-1, 10**12, None])
def test_tasks_of_impossible_numbers(number: int | None, make, tmp_path: Path) -> None:
    made = make("lerobot-v3.0-image")
    texts = pa.table({"task_index": pa.array([number], pa.int64()), "task": ["go"]})
    pq.write_table(texts, made.path / "meta" / "tasks.parquet")
    assert f"task_index is {number}" in refusal(made, tmp_path / "out.h5")


@pytest.mark.parametrize("values", [["a"] * 3, [[1]] * 3, [np.nan] * 3])
def test_episodes_that_are_described_by_no_numbers(
    values: list, make, tmp_path: Path
) -> None:
    made = make("lerobot-v3.0-image")
    table = next((made.path / "meta" / "episodes").rglob("*.parquet"))
    rows = pq.read_table(table)
    column = rows.schema.get_field_index("length")
    pq.write_table(rows.set_column(column, "length", pa.array(values)), table)
    said = refusal(made, tmp_path / "out.h5")
    assert table.name in said
    assert "expected numbers" in said
