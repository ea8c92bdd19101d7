"""NPZ archives are streamed, never unpickled, and bombs are refused."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.data.formats.bombs import check_declared
from telos.data.formats.npz import RowReader, is_npz, members, open_npz


def write(path: Path, *, compressed: bool = True, **arrays: object) -> Path:
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


def npy(rows: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, rows, allow_pickle=True)
    return content.getvalue()


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", ["u1", "?", "<f4", ">f4", "<f8", "<i8", ">i2"])
def test_rows_come_as_numpy_reads_them(
    tmp_path: Path, compressed: bool, dtype: str
) -> None:
    rows = (np.arange(60).reshape(10, 2, 3) % 2).astype(dtype)
    path = write(tmp_path / "a.npz", compressed=compressed, rows=rows)
    with open_npz(path) as archive:
        member = members(path, archive)["rows"]
        assert (member.shape, member.row_shape) == ((10, 2, 3), (2, 3))
        with RowReader(archive, member) as reader:
            for first, stop in ((0, 0), (0, 3), (4, 5), (5, 10), (10, 10)):
                found = reader.rows(first, stop)
                np.testing.assert_array_equal(found, rows[first:stop])
                assert found.dtype.isnative
            with pytest.raises(ValueError, match="front to back: 9 .* after 10"):
                reader.rows(9, 10)
            with pytest.raises(ValueError, match="10 rows, expected at least 11"):
                reader.rows(10, 11)


def test_skipping_needs_little_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", rows=np.zeros((200, 100_000), np.uint8))
    with (
        open_npz(path) as archive,
        RowReader(archive, members(path, archive)["rows"]) as reader,
    ):
        tracemalloc.start()
        assert reader.rows(198, 199).shape == (1, 100_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * 2**20  # of 20 MB


def test_objects_and_others_are_passed_over(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            raise AssertionError("pickled")

    path = write(
        tmp_path / "a.npz",
        text=np.array(["a", "b"]),
        pairs=np.zeros(3, [("a", "f4")]),
        alone=np.float32(3),
        complex=np.zeros(3, np.complex64),
        rows=np.zeros(3),
    )
    with zipfile.ZipFile(path, "a") as archive:
        header = npy(np.array([None, None], object))
        archive.writestr("objects.npy", header)
        archive.writestr("readme.txt", "text")
    with open_npz(path) as archive:
        assert set(members(path, archive)) == {"rows"}


def test_what_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_npz(tmp_path / "none.npz"):
        pass
    for content in (b"", b"PK\x03\x04", b"text" * 100):
        path = tmp_path / "bad.npz"
        path.write_bytes(content)
        assert not is_npz(path)
        with pytest.raises(ValueError, match="no NPZ archive"), open_npz(path):
            pass


def spoilt(path: Path, **contents: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"{name}.npy", content)
    return path


GOOD = npy(np.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "rows"),
        (GOOD[:5], "rows"),
        (GOOD[:40], "rows"),
        (GOOD[:-8], "describes 48 bytes, but it holds 40"),
        (GOOD + b"x", "describes 48 bytes, but it holds 49"),
        (GOOD.replace(b"(3, 2)", b"(3,-2)"), "describes"),
        (GOOD.replace(b"'<f8'", b"'zzz'"), "rows"),
        (GOOD.replace(b"\x93NUMPY\x01", b"\x93NUMPY\x03"), "version"),
        (npy(np.asfortranarray(np.ones((3, 2)))), "column by column"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f", "rows"),
    ],
)
def test_damaged_headers(tmp_path: Path, content: bytes, message: str) -> None:
    path = spoilt(tmp_path / "bad.npz", rows=content)
    with (
        open_npz(path) as archive,
        pytest.raises(ValueError, match=f"bad.npz.*rows.*{message}|{message}"),
    ):
        members(path, archive)


def test_two_arrays_of_one_name(tmp_path: Path) -> None:
    path = spoilt(tmp_path / "bad.npz", rows=GOOD)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(match="Duplicate"):
        archive.writestr("rows.npy", GOOD)
    with open_npz(path) as archive, pytest.raises(ValueError, match="two arrays"):
        members(path, archive)


@given(st.data())
def test_damage_never_gives_other_numbers(
    tmp_path_factory, data: st.DataObject
) -> None:
    """The checksum at the end of a member finds what its headers do not."""
    rows = np.arange(400.0).reshape(20, 20)
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    write(path, rows=rows)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        with open_npz(path) as archive:
            found = members(path, archive)
            if "rows" not in found:
                return
            with RowReader(archive, found["rows"]) as reader:
                first = reader.rows(0, 20)
        np.testing.assert_array_equal(first, rows)
    except ValueError:
        return


def test_a_bomb_is_refused_and_a_large_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(10_000))
    check_declared(path, 200 * 2**20)  # harmless, whatever the ratio
    with pytest.raises(
        ValueError, match="claims to hold 1.0 GiB .*without compression"
    ):
        check_declared(path, 2**30)
    check_declared(path, 2**30, largest_ratio=np.inf)
    path.write_bytes(bytes(2**23))
    check_declared(path, 2**30)
