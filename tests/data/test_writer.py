"""Episodes that were finished are never lost: refusals, kills, full disks, Ctrl-C."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.worlds import drift_spec, make_episode

from telos.data import EpisodeFile, EpisodeWriter
from telos.data import diskfile as diskfile_module
from telos.data import join as join_module
from telos.data import writer as writer_module

ROOT = Path(__file__).parents[2]
FILL_DISK = """
import sys
import numpy as np
from telos.data import EpisodeWriter, writer
from tests.data.worlds import drift_spec, make_episode

def noisy_episode(seed):
    episode = make_episode(seed, 100)
    shape = episode.observations["pixels"].shape
    noise = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    return make_episode(
        seed, 100, observations={**episode.observations, "pixels": noise}
    )

writer.PART_BYTES = 1
try:
    with EpisodeWriter(sys.argv[1], drift_spec()) as open_writer:
        for seed in range(50):
            open_writer.append(noisy_episode(seed))
except OSError as error:
    assert "disk is full" in str(error), error
    sys.exit(7)
"""


def write(path: Path, seeds: range, **modes: bool) -> Path:
    with EpisodeWriter(path, drift_spec(), **modes) as writer:
        for seed in seeds:
            writer.append(make_episode(seed))
    return path


def write_then_raise(path: Path, error: BaseException) -> None:
    with EpisodeWriter(path, drift_spec()) as writer:
        writer.append(make_episode(0))
        raise error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.h5"


@pytest.fixture
def every_episode_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "PART_BYTES", 1)


def kill(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_killed(work: Callable[[], None]) -> bool:
    """Run ``work`` in a forked process; whether that ended by SIGKILL."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def test_existing_file_is_refused_and_stays(path: Path) -> None:
    write(path, range(2))
    with pytest.raises(FileExistsError, match="--append.*--resume.*--overwrite"):
        EpisodeWriter(path, drift_spec())
    assert EpisodeFile(path).num_episodes == 2


def test_append_resume_and_overwrite(path: Path) -> None:
    write(path, range(2))
    write(path, range(5, 7), append=True)
    assert EpisodeFile(path).seeds.tolist() == [0, 1, 5, 6]
    write(path, range(8, 9), resume=True)
    assert EpisodeFile(path).seeds.tolist() == [0, 1, 5, 6, 8]
    write(path, range(3), overwrite=True)
    assert EpisodeFile(path).seeds.tolist() == [0, 1, 2]


def test_only_one_mode(path: Path) -> None:
    with pytest.raises(ValueError, match="choose one"):
        EpisodeWriter(path, drift_spec(), append=True, overwrite=True)


def test_episodes_of_another_world_are_not_mixed(path: Path) -> None:
    write(path, range(2))
    with pytest.raises(ValueError, match="max_steps is 30, expected 99"):
        EpisodeWriter(path, drift_spec(max_steps=99), append=True)
    assert not path.with_name("a.h5.parts").exists()


def test_appending_to_a_damaged_file_is_refused(path: Path) -> None:
    write(path, range(2))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match="truncated or damaged"):
        EpisodeWriter(path, drift_spec(), append=True)


def test_closing_without_episodes_changes_nothing(path: Path) -> None:
    write(path, range(2))
    before = path.read_bytes()
    write(path, range(0), overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["a.h5"]


def test_the_writer_keeps_copies(path: Path) -> None:
    episode = make_episode(0)
    with EpisodeWriter(path, drift_spec()) as writer:
        writer.append(episode)
        episode.actions[:] = 0
    stored = EpisodeFile(path).episode(0)
    np.testing.assert_array_equal(stored.actions, make_episode(0).actions)


def test_old_buffers_are_written_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PART_SECONDS", 0.0)
    writer = EpisodeWriter(path, drift_spec())
    writer.append(make_episode(0))
    assert len(list(path.with_name("a.h5.parts").glob("*.h5"))) == 1


def test_ctrl_c_keeps_finished_episodes(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_then_raise(path, KeyboardInterrupt())
    assert EpisodeFile(path).num_episodes == 1


def test_another_error_leaves_parts_to_resume_from(path: Path) -> None:
    with pytest.raises(RuntimeError, match="simulator"):
        write_then_raise(path, RuntimeError("simulator failed"))
    assert not path.exists()
    with pytest.raises(FileExistsError, match="interrupted collection.*--resume"):
        EpisodeWriter(path, drift_spec())
    with EpisodeWriter(path, drift_spec(), resume=True) as writer:
        assert writer.seeds == {0}
    assert EpisodeFile(path).seeds.tolist() == [0]


def test_kill_between_parts_loses_only_the_buffer(
    path: Path, every_episode_a_part: None
) -> None:
    def work() -> None:
        writer = EpisodeWriter(path, drift_spec())
        for seed in range(3):
            writer.append(make_episode(seed))
        writer_module.PART_BYTES = 10**9
        writer.append(make_episode(3))
        kill()

    assert is_killed(work)
    with EpisodeWriter(path, drift_spec(), resume=True) as writer:
        assert writer.seeds == {0, 1, 2}
        writer.append(make_episode(3))
    whole = write(path.with_name("b.h5"), range(4))
    assert EpisodeFile(path).digest == EpisodeFile(whole).digest


def test_kill_inside_a_part_leaves_the_finished_ones(
    path: Path, every_episode_a_part: None
) -> None:
    def work() -> None:
        writer = EpisodeWriter(path, drift_spec())
        writer.append(make_episode(0))
        join_module._write_slab = kill
        writer.append(make_episode(1))

    assert is_killed(work)
    write(path, range(1, 2), resume=True)
    assert EpisodeFile(path).seeds.tolist() == [0, 1]


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_kill_while_joining_leaves_the_old_file(
    path: Path, mode: str, every_episode_a_part: None
) -> None:
    write(path, range(2))
    before = path.read_bytes()
    write_slab = join_module._write_slab

    def write_slab_then_die(*arguments: Any, frame: int, episode: int) -> None:
        write_slab(*arguments, frame=frame, episode=episode)
        if episode > 0:
            kill()

    def work() -> None:
        writer = EpisodeWriter(path, drift_spec(), **{mode: True})
        for seed in (7, 8):
            writer.append(make_episode(seed))
        join_module._write_slab = write_slab_then_die
        writer.close()

    assert is_killed(work)
    assert path.read_bytes() == before
    write(path, range(0), resume=True)
    kept = {"append": [0, 1], "overwrite": []}[mode]
    assert EpisodeFile(path).seeds.tolist() == [*kept, 7, 8]
    assert [p.name for p in path.parent.iterdir()] == ["a.h5"]


def test_kill_after_joining_does_not_store_episodes_twice(path: Path) -> None:
    def work() -> None:
        writer = EpisodeWriter(path, drift_spec())
        writer.append(make_episode(0))
        writer_module.shutil.rmtree = kill
        writer.close()

    assert is_killed(work)
    assert path.with_name("a.h5.parts").exists()
    assert EpisodeFile(path).num_episodes == 1
    write(path, range(1, 2), resume=True)
    assert EpisodeFile(path).seeds.tolist() == [0, 1]


class SmallDisk(io.FileIO):
    """A file on a disk with little room: takes what fits, then fails."""

    room = 0

    def write(self, data: Any, /) -> int:
        fits = self.room - self.tell()
        if fits <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(memoryview(data)[:fits])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_full_disk_is_explained_and_keeps_what_was_there(
    path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    write(path, range(20))
    before = path.read_bytes()
    monkeypatch.setattr(SmallDisk, "room", int(share * len(before)))
    monkeypatch.setattr(join_module, "SLAB_FRAMES", 30)
    writer = EpisodeWriter(path, drift_spec(), append=True)
    writer.append(make_episode(20))
    writer.flush()
    with monkeypatch.context() as patch:
        patch.setattr(diskfile_module, "open_raw", lambda p: SmallDisk(p, "w+b"))
        for _ in range(2):
            with pytest.raises(OSError, match=r"disk is full.*--resume"):
                writer.close()
    assert path.read_bytes() == before
    write(path, range(21, 22), resume=True)
    assert EpisodeFile(path).seeds.tolist() == list(range(22))


def test_full_disk_while_writing_a_part(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SmallDisk, "room", 5000)
    with EpisodeWriter(path, drift_spec()) as writer:
        writer.append(make_episode(0))
        with monkeypatch.context() as patch:
            patch.setattr(diskfile_module, "open_raw", lambda p: SmallDisk(p, "w+b"))
            with pytest.raises(OSError, match="disk is full"):
                writer.flush()
        # Room was made: the buffered episode is not lost.
    assert EpisodeFile(path).seeds.tolist() == [0]


def test_ctrl_c_inside_a_write_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(io.FileIO):
        def write(self, data: Any, /) -> int:
            raise KeyboardInterrupt

    write(path, range(2))
    before = path.read_bytes()
    writer = EpisodeWriter(path, drift_spec(), append=True)
    writer.append(make_episode(2))
    with monkeypatch.context() as patch:
        patch.setattr(diskfile_module, "open_raw", lambda p: Impatient(p, "w+b"))
        with pytest.raises(KeyboardInterrupt):
            writer.close()
    assert path.read_bytes() == before
    writer.close()
    assert EpisodeFile(path).num_episodes == 3


@pytest.mark.slow
def test_really_full_disk(tmp_path: Path) -> None:
    """On a file system of 1 MiB: a clean error, a clean exit, all parts kept."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    command = [sys.executable, "-c", FILL_DISK, str(disk / "a.h5")]
    try:
        assert subprocess.run(command, cwd=ROOT).returncode == 7
        parts = sorted((disk / "a.h5.parts").glob("*.h5"))
        assert len(parts) >= 3
        assert all(EpisodeFile(part).num_episodes == 1 for part in parts)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
