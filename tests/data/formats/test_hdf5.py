"""HDF5 is read without following anything out of the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from telos.data.formats import hdf5

SECRET = np.arange(12.0).reshape(4, 3)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another file, which nothing may read."""
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["rows"] = SECRET
    return path


def soft(file: h5py.File, elsewhere: Path) -> None:
    file["inside"] = SECRET
    file["rows"] = h5py.SoftLink("/inside")


def external(file: h5py.File, elsewhere: Path) -> None:
    file["rows"] = h5py.ExternalLink(str(elsewhere), "/rows")


def raw_elsewhere(file: h5py.File, elsewhere: Path) -> None:
    size = elsewhere.stat().st_size
    file.create_dataset(
        "rows", (4, 3), "f8", external=[(str(elsewhere), 0, min(size, 96))]
    )


def virtual(file: h5py.File, elsewhere: Path) -> None:
    layout = h5py.VirtualLayout((4, 3), "f8")
    layout[:] = h5py.VirtualSource(str(elsewhere), "rows", (4, 3))
    file.create_virtual_dataset("rows", layout)


def group_elsewhere(file: h5py.File, elsewhere: Path) -> None:
    file["group"] = h5py.ExternalLink(str(elsewhere), "/")


@pytest.mark.parametrize(
    ("plant", "place", "message"),
    [
        (soft, "rows", "is a link to another place"),
        (external, "rows", "is a link to another place"),
        (group_elsewhere, "group/rows", "is a link to another place"),
        (raw_elsewhere, "rows", "in another file"),
        (virtual, "rows", "in another file"),
    ],
)
def test_what_lies_elsewhere_is_refused(
    plant: Callable, place: str, message: str, elsewhere: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        plant(file, elsewhere)
    with h5py.File(path, "r") as file:  # the bait works
        assert file[place].shape == (4, 3)
    with hdf5.open_hdf5(path) as file:
        with pytest.raises(ValueError, match=message):
            hdf5.table_at(file, place)
        with pytest.raises(ValueError, match=message):
            hdf5.tables_at(file, place.partition("/")[0])


def test_a_link_is_not_even_touched(tmp_path: Path) -> None:
    """Opening a pipe without a writer would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["rows"] = h5py.ExternalLink(str(pipe), "/rows")
    assert hdf5.holds(path, "rows")
    with (
        hdf5.open_hdf5(path) as file,
        pytest.raises(ValueError, match="is a link to another place"),
    ):
        hdf5.table_at(file, "rows")


def test_a_group_inside_itself_ends(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("group")
        group["again"] = group
    with (
        hdf5.open_hdf5(tmp_path / "a.h5") as file,
        pytest.raises(ValueError, match="more than 8 groups deep"),
    ):
        hdf5.tables_at(file, "group")


def test_places_and_parts(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["obs/hånd/links ☞"] = np.zeros((4, 3), ">f4")
        file["obs/flag"] = np.ones(4, bool)
        file["obs/scalar"] = 3.0
    with hdf5.open_hdf5(tmp_path / "a.h5") as file:
        found = hdf5.tables_at(file, "obs")
        assert set(found) == {"obs/hånd/links ☞", "obs/flag"}
        part = hdf5.part_at(found["obs/hånd/links ☞"], "obs/hånd/links ☞")
        assert (part.name, part.shape, part.dtype) == ("hånd.links ☞", (3,), "float32")
        assert hdf5.read(found["obs/hånd/links ☞"], 1, 3).dtype == np.dtype("=f4")
        assert hdf5.read(found["obs/flag"], 0, 4).dtype == bool
        assert hdf5.exists(file, "obs/flag")
        assert not hdf5.exists(file, "obs/flag/deeper")
        assert not hdf5.exists(file, "other")
        with pytest.raises(ValueError, match="has 4 rows, expected at least 5"):
            hdf5.read(found["obs/flag"], 0, 5)
        for place in ("obs/scalar", "obs", "none", "obs/flag/deeper"):
            with pytest.raises(ValueError, match=place):
                hdf5.table_at(file, place)


def test_text_and_objects_are_no_numbers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["text"] = ["a", "b"]
        file["pairs"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
        file.create_dataset("ragged", (2,), h5py.vlen_dtype(np.float32))
        file.create_dataset("links", (2,), h5py.ref_dtype)
    with hdf5.open_hdf5(tmp_path / "a.h5") as file:
        for name in ("text", "pairs", "ragged", "links"):
            with pytest.raises(ValueError, match=f"{name} holds .* expected numbers"):
                hdf5.read(hdf5.table_at(file, name), 0, 1)


def test_a_filter_that_is_missing_is_named(tmp_path: Path, monkeypatch) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("rows", data=SECRET, compression="gzip")
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    with (
        hdf5.open_hdf5(tmp_path / "a.h5") as file,
        pytest.raises(ValueError, match="filter 1, .* pip install hdf5plugin"),
    ):
        hdf5.table_at(file, "rows")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), hdf5.open_hdf5(tmp_path / "none.h5"):
        pass
    empty = tmp_path / "empty.h5"
    empty.touch()
    for path in (empty, tmp_path):
        assert not hdf5.holds(path, "rows")
        with pytest.raises(ValueError, match="no HDF5 file"), hdf5.open_hdf5(path):
            pass


def test_every_truncation_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "whole.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("rows", data=SECRET, chunks=(1, 3), compression="gzip")
    content = path.read_bytes()
    cut = tmp_path / "cut.h5"
    for length in range(0, len(content), 97):
        cut.write_bytes(content[:length])
        with pytest.raises(ValueError, match="cut.h5"), hdf5.open_hdf5(cut) as file:
            hdf5.read(hdf5.table_at(file, "rows"), 0, 4)


def test_overwritten_bytes_never_crash(tmp_path: Path) -> None:
    """Either the numbers come, or an error that names the file."""
    path = tmp_path / "whole.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("rows", data=SECRET, chunks=(1, 3), fletcher32=True)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    bad = tmp_path / "bad.h5"
    messages = []
    for _ in range(300):
        spoilt = bytearray(content)
        spoilt[rng.integers(len(content))] ^= int(rng.integers(1, 256))
        bad.write_bytes(spoilt)
        try:
            with hdf5.open_hdf5(bad) as file:
                hdf5.read(hdf5.table_at(file, "rows"), 0, 4)
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 10
    assert all("bad.h5" in message for message in messages)
