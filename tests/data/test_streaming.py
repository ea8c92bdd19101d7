"""Windows from the file are windows from memory; the thread that reads ahead."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.data.worlds import SIZE, drift_spec, make_episode

from telos.data import EpisodeFile, EpisodeWriter, Recording, WindowSampler
from telos.data.frames import JoinedFrames, LazyFrames, MappedFrames, SelectedFrames
from telos.data.opened import OpenedFile
from telos.data.prefetch import Prefetch
from telos.data.stored import StoredFrames
from telos.types import Window

LENGTHS = (12, 40, 7, 23, 31)


def write(path: Path, lengths: tuple[int, ...] = LENGTHS) -> Path:
    with EpisodeWriter(path, drift_spec()) as writer:
        for seed, steps in enumerate(lengths):
            writer.append(make_episode(seed, steps))
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("streamed") / "a.h5")


@pytest.fixture(scope="module")
def loaded(path: Path) -> Recording:
    return EpisodeFile(path).load()


@pytest.fixture(scope="module")
def streamed(path: Path) -> Recording:
    return EpisodeFile(path).stream()


def assert_equal(left: Window, right: Window) -> None:
    assert left.observations.keys() == right.observations.keys()
    for name, value in left.observations.items():
        assert value.dtype == right.observations[name].dtype
        assert torch.equal(value, right.observations[name]), name
    assert torch.equal(left.actions, right.actions)
    assert torch.equal(left.episodes, right.episodes)


# --- frames


@given(
    shape=st.sampled_from([(1,), (9,), (3, 5), (2, 3, 2), (0,)]),
    seed=st.integers(0, 99),
)
def test_rows_of_the_file_are_rows_of_the_array(
    loaded: Recording, streamed: Recording, shape: tuple[int, ...], seed: int
) -> None:
    stored, array = streamed.observations["pixels"], loaded.observations["pixels"]
    assert isinstance(stored, StoredFrames)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(array), shape)
    rising = np.sort(rows.ravel()).reshape(shape)
    chosen = rng.permutation(len(array))[: rng.integers(1, len(array))]
    brighter = lambda x: 255 - x[:, ::2]  # noqa: E731
    pairs = (
        (stored, array),
        (SelectedFrames(stored, chosen), array[chosen]),
        (MappedFrames(stored, brighter), 255 - array[:, ::2]),
        (JoinedFrames([stored, array[:5], stored]), np.r_[array, array[:5], array]),
    )
    for lazy, whole in pairs:
        assert (lazy.shape, lazy.dtype) == (whole.shape, whole.dtype)
        for wanted in (rows % len(whole), rising % len(whole), np.s_[3:9:2]):
            found = lazy[wanted]
            assert found.dtype == whole.dtype
            np.testing.assert_array_equal(found, whole[wanted])
        np.testing.assert_array_equal(np.asarray(lazy), whole)


def test_small_rows_are_in_memory_and_images_are_not(streamed: Recording) -> None:
    assert isinstance(streamed.observations["state"], np.ndarray)
    assert isinstance(streamed.labels["position"], np.ndarray)
    assert isinstance(streamed.observations["pixels"], LazyFrames)
    half = streamed.select([3, 1])
    assert isinstance(half.observations["pixels"], LazyFrames)
    assert isinstance(half.in_memory().observations["pixels"], np.ndarray)


def test_episodes_and_selections_are_those_of_memory(
    loaded: Recording, streamed: Recording
) -> None:
    for left, right in (
        (loaded, streamed),
        (loaded.select([3, 0]), streamed.select([3, 0])),
        (loaded.select([3, 0]), streamed.select([3, 0]).in_memory()),
    ):
        np.testing.assert_array_equal(left.actions, right.actions)
        for index in range(left.num_episodes):
            a, b = left.episode(index), right.episode(index)
            for name, frames in a.observations.items():
                np.testing.assert_array_equal(frames, b.observations[name])
            assert (a.seed, a.layout) == (b.seed, b.layout)


def test_a_wrong_index_is_refused(streamed: Recording) -> None:
    frames = streamed.observations["pixels"]
    count = len(frames)
    for rows, words in (
        (np.array([0, count]), f"rows 0 to {count}.*there are {count}"),
        (np.array([-1]), "rows -1 to -1"),
        (np.array([0.5]), "expected integers or a slice"),
    ):
        with pytest.raises(IndexError, match=words):
            frames[rows]


def test_each_chunk_is_read_once_in_the_order_of_the_file(path: Path) -> None:
    runs = []

    class Spy:
        def __init__(self, real: h5py.Dataset) -> None:
            self.id, self.real = self, real.id
            self.shape, self.dtype = real.shape, real.dtype

        def get_space(self) -> h5py.h5s.SpaceID:
            return self.real.get_space()

        def read(self, target, source, out: np.ndarray) -> None:
            first, last = (corner[0] for corner in source.get_select_bounds())
            runs.append((int(first), int(last) + 1))
            self.real.read(target, source, out)

    class SpiedFile(OpenedFile):
        def dataset(self, name: str) -> Spy:
            return Spy(super().dataset(name))

    frames = StoredFrames(SpiedFile(path), "observations/pixels")
    rows = np.array([[70, 71, 72], [3, 4, 5], [4, 5, 6], [90, 92, 94]])
    frames[rows]
    assert runs == [(3, 7), (70, 73), (90, 91), (92, 93), (94, 95)]


def test_a_copy_in_another_process_reads_the_same(streamed: Recording) -> None:
    frames = streamed.observations["pixels"]
    rows = np.array([5, 2, 40])
    again = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(again[rows], frames[rows])


def test_a_replaced_file_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5")
    frames = EpisodeFile(path).stream().observations["pixels"]
    elsewhere = pickle.loads(pickle.dumps(frames))
    write(tmp_path / "b.h5", LENGTHS[:2]).replace(path)
    frames[np.array([0])]  # its handle still holds the old one
    with pytest.raises(ValueError, match=r"a\.h5 was replaced while"):
        elsewhere[np.array([0])]


def test_damage_is_reported_by_its_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5")
    file = OpenedFile(path)
    chunk = file.dataset("observations/pixels").id.get_chunk_info(8)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    frames = StoredFrames(OpenedFile(path), "observations/pixels")
    frames[np.array([0, 100])]
    with pytest.raises(ValueError, match=r"a\.h5 is truncated or damaged"):
        frames[np.array([0, 33])]


# --- windows


@pytest.mark.filterwarnings("ignore:.*are left out")
@given(
    length=st.integers(1, 4),
    frame_skip=st.integers(1, 3),
    shared=st.sampled_from([1, 2, 4]),
    step=st.integers(0, 1000),
)
def test_windows_of_the_file_are_windows_of_memory(
    loaded: Recording,
    streamed: Recording,
    length: int,
    frame_skip: int,
    shared: int,
    step: int,
) -> None:
    settings: dict[str, Any] = {
        "length": length,
        "batch": 8,
        "frame_skip": frame_skip,
        "windows_per_episode": shared,
        "weights": [0, 1, 2, 3, 4],
        "seed": 5,
    }
    in_memory = WindowSampler(loaded, **settings)
    from_file = WindowSampler(streamed, **settings)
    assert_equal(from_file.batch(step), in_memory.batch(step))


def test_the_parts_of_a_batch_are_the_batch(streamed: Recording) -> None:
    def sampler(part: slice) -> WindowSampler:
        return WindowSampler(
            streamed, length=3, batch=12, windows_per_episode=2, part=part
        )

    for step in range(3):
        whole = sampler(slice(None)).batch(step)
        parts = [sampler(slice(i, i + 4)).batch(step) for i in (0, 4, 8)]
        joined = Window(
            observations={
                name: torch.cat([part.observations[name] for part in parts])
                for name in whole.observations
            },
            actions=torch.cat([part.actions for part in parts]),
            episodes=torch.cat([part.episodes for part in parts]),
        )
        assert_equal(joined, whole)


def peak_of_sampling(folder: Path, episodes: int) -> int:
    """Bytes that numpy held at most while batches were cut."""
    path = write(folder / f"{episodes}.h5", (60,) * episodes)
    recording = EpisodeFile(path).stream(["pixels"])
    sampler = WindowSampler(recording, length=3, batch=64)
    tracemalloc.start()
    with Prefetch(sampler.batch, end=12) as batches:
        for step in range(12):
            batches.batch(step)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    small, large = (peak_of_sampling(tmp_path, count) for count in (10, 120))
    pixels = 120 * 61 * SIZE * SIZE * 3
    assert large < 1.1 * small < 0.5 * pixels


# --- reading ahead


class Slow:
    """Counts what it was asked for; steps that it is told to are held up or fail."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def make(self, step: int) -> int:
        self.asked.append(step)
        if step == 13:
            raise OSError("the disk has gone")
        self.go_on.wait()
        return 10 * step


def readers() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("telos-")]


def test_batches_come_in_order_and_no_more_are_made_than_wanted() -> None:
    slow = Slow()
    with Prefetch(slow.make, end=6, ahead=2) as batches:
        found = [batches.batch(step) for step in range(6)]
    assert found == [0, 10, 20, 30, 40, 50]
    assert slow.asked == [0, 1, 2, 3, 4, 5]


def test_at_most_so_many_batches_wait() -> None:
    slow = Slow()
    with Prefetch(slow.make, end=100, ahead=3) as batches:
        batches.batch(0)
        batches.batch(1)
    assert max(slow.asked) <= 4


def test_any_step_may_be_asked_for() -> None:
    slow = Slow()
    with Prefetch(slow.make, end=50, ahead=2) as batches:
        for step in (3, 4, 40, 2, 2, 49, 60):
            assert batches.batch(step) == 10 * step


def test_what_goes_wrong_in_the_thread_reaches_the_trainer() -> None:
    with Prefetch(Slow().make, end=50, ahead=2) as batches:
        assert batches.batch(12) == 120
        with pytest.raises(OSError, match="the disk has gone"):
            batches.batch(13)
        assert batches.batch(14) == 140
    assert readers() == []


def test_an_error_of_the_trainer_leaves_no_thread_behind() -> None:
    slow = Slow()

    def work() -> None:
        with Prefetch(slow.make, end=50) as batches:
            batches.batch(0)
            assert readers() != []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert readers() == []
    assert len(slow.asked) <= 3


def test_a_reader_that_nobody_closed_does_not_keep_the_process() -> None:
    code = (
        "from telos.data.prefetch import Prefetch\n"
        "batches = Prefetch(lambda step: step, end=10**6, ahead=4)\n"
        "assert [batches.batch(n) for n in range(5)] == [0, 1, 2, 3, 4]\n"
        "raise KeyboardInterrupt\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30
    )
    assert "KeyboardInterrupt" in done.stderr


def test_nothing_ahead_is_refused() -> None:
    with pytest.raises(ValueError, match="ahead is 0"):
        Prefetch(lambda step: step, end=1, ahead=0)
