"""A scratch gives the arrays of memory, says when its disk is full, leaves nothing."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.data.worlds import drift_spec, make_episode

from telos.data import EpisodeFile, EpisodeWriter
from telos.data import scratch as scratch_module
from telos.data.frames import MappedFrames
from telos.data.scratch import MEMORY, Scratch

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from telos.data.scratch import Scratch
held = Scratch(sys.argv[1]).zeros((1000, 1000), "float32")
held[:] = 1.0
print("there", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("shape", [(3, 4), (0, 5), (7,), (2, 3, 4, 5)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16", "int64"])
def test_arrays_are_those_of_memory(
    tmp_path: Path, shape: tuple[int, ...], dtype: str
) -> None:
    ours, plain = Scratch(tmp_path).zeros(shape, dtype), MEMORY.zeros(shape, dtype)
    rng = np.random.default_rng(0)
    for array in (ours, plain):
        assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
        assert not array.any()
    ours[...] = plain[...] = (100 * rng.random(shape)).astype(dtype)
    np.testing.assert_array_equal(ours, plain)
    assert list(tmp_path.iterdir()) == []


def test_two_arrays_share_nothing(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    one, other = (scratch.zeros((8,), np.int64) for _ in range(2))
    one[:] = 5
    assert not other.any()


def test_a_stream_is_copied_once_however_long(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("telos.data.frames.SLAB_BYTES", 40)
    scratch, array = Scratch(tmp_path), np.arange(60).reshape(20, 3)
    lazy = MappedFrames(array, lambda rows: 2 * rows)
    for frames, expected in ((array, array), (lazy, 2 * array)):
        kept = scratch.keep(frames)
        np.testing.assert_array_equal(kept, expected)
        assert scratch.keep(kept) is kept
        assert kept is not frames
    assert MEMORY.keep(array) is array


def test_episodes_of_a_scratch_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with EpisodeWriter(path, drift_spec()) as writer:
        for seed in range(4):
            writer.append(make_episode(seed))
    scratch, plain = Scratch(tmp_path), EpisodeFile(path).load()
    kept = EpisodeFile(path).stream().kept(scratch)
    np.testing.assert_array_equal(kept.actions, plain.actions)
    for group in ("observations", "labels"):
        for name, array in getattr(plain, group).items():
            found = getattr(kept, group)[name]
            np.testing.assert_array_equal(found, array)
            assert scratch.keep(found) is found


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch
) -> None:
    def full(file: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scratch_module, "reserve", full)
    said = r"needs 0\.75 GiB more.*--scratch.*--frames file"
    with pytest.raises(OSError, match=said):
        Scratch(tmp_path).zeros((2**16, 64, 64, 3), np.uint8)
    assert list(tmp_path.iterdir()) == []


def test_room_is_reserved_without_help(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(scratch_module, "BLOCK", bytes(1000))
    path = tmp_path / "file"
    with path.open("w+b", buffering=0) as file:
        scratch_module.reserve(file.fileno(), 2500)
    assert path.read_bytes() == bytes(2500)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no folder"):
        Scratch(tmp_path / "no")


def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        mapped = Path(f"/proc/{process.pid}/maps")
        if mapped.exists():  # the control: it was on this disk
            assert str(tmp_path) in mapped.read_text()
        process.send_signal(signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_really_full_disk(tmp_path: Path) -> None:
    """On a file system of 1 MiB: an error, where a sparse file would be a crash."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        kept = Scratch(disk).zeros((500_000,), np.uint8)
        with pytest.raises(OSError, match="GiB are free on that disk"):
            Scratch(disk).zeros((2_000_000,), np.uint8)
        kept[:] = 1
        del kept
        Scratch(disk).zeros((900_000,), np.uint8)[:] = 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)
